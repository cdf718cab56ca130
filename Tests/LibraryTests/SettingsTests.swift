import Engine
import Library
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

struct SettingsTests {
    private func failure(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "no error"
        } catch { return "\(error)" }
    }

    struct Value: Sendable {
        let key: SettingKey
        let good: [String]
        let bad: [String]
    }

    /// A valid and an invalid value of each kind; ``everyKeyHasValues()`` shows that none is left out.
    static let values = [
        Value(key: .database, good: ["/a/b"], bad: ["", "a/b"]),
        Value(key: .output, good: ["/a", "~/a", "~"], bad: ["", "a", "~other/a"]),
        Value(key: .incompleteFolder, good: ["/a", "~/a"], bad: ["a"]),
        Value(key: .allocate, good: ["sparse", "Full"], bad: ["", "half"]),
        Value(key: .watch, good: ["/in"], bad: ["in"]),
        Value(key: .watchOutput, good: ["/out"], bad: ["."]),
        Value(key: .listenPort, good: ["0", "65535"], bad: ["-1", "65536", "six", ""]),
        Value(key: .bind, good: ["127.0.0.1", "::1"], bad: ["localhost", "1.2.3"]),
        Value(key: .pex, good: ["on", "off"], bad: ["", "2"]),
        Value(key: .lsd, good: ["on", "off"], bad: ["", "2"]),
        Value(key: .dht, good: ["on", "Off", "true", "no"], bad: ["", "1", "maybe"]),
        Value(
            key: .dhtBootstrap, good: ["a.example:1", "192.0.2.1:6881, [2001:db8::1]:2 b.example:3", "none"],
            bad: ["", "a.example", "a:0", "x y"]),
        Value(key: .dhtReadOnly, good: ["on", "Off", "auto"], bad: ["", "maybe"]),
        Value(key: .maxPeers, good: ["1", "none"], bad: ["-1", "1.5", "100001"]),
        Value(key: .downloadLimit, good: ["500K", "2M", "1.5MiB/s", "none"], bad: ["fast", "-3", ""]),
        Value(key: .uploadLimit, good: ["1"], bad: ["1 per second"]),
        Value(key: .alternativeHours, good: ["08:00-18:00", "mon-fri 22:00-06:00"], bad: ["", "always", "8-18"]),
        Value(key: .alternativeDownloadLimit, good: ["1M", "none"], bad: ["slow"]),
        Value(key: .alternativeUploadLimit, good: ["1M", "none"], bad: ["slow"]),
        Value(key: .maxDownloads, good: ["50"], bad: ["many"]),
        Value(key: .maxSeeds, good: ["none"], bad: ["all"]),
        Value(key: .maxChecks, good: ["8"], bad: ["8 "]),
        Value(
            key: .seedGoal, good: ["forever", "none", "1.5", "0", "30d", "1h30m"], bad: ["-1", "nan", "inf", "soon"]),
        Value(key: .reserve, good: ["0", "none", "50G", "1.5GiB"], bad: ["", "-1", "much"]),
        Value(key: .backupInterval, good: ["1m", "52w"], bad: ["59s", "53w", "1"]),
        Value(key: .backupCount, good: ["0", "100"], bad: ["101", "-1"]),
        Value(key: .onComplete, good: ["true"], bad: ["", "  "]),
        Value(key: .onDamage, good: ["mail -s rot me"], bad: [""]),
        Value(key: .onOffline, good: ["/bin/x"], bad: ["\n"]),
        Value(key: .onDiskFull, good: ["/bin/x"], bad: [""]),
    ]

    @Test(arguments: values) func valuesAreChecked(value: Value) {
        for text in value.good {
            #expect(throws: Never.self) { try SettingValue(text, for: value.key, home: "/home/me") }
        }
        for text in value.bad {
            #expect(throws: BadValue.self) { try SettingValue(text, for: value.key, home: "/home/me") }
        }
    }

    @Test func everyKeyHasValues() { #expect(Self.values.map(\.key) == SettingKey.allCases) }

    @Test func tildeStandsForTheHomeFolder() throws {
        #expect(try SettingValue("~/dl", for: .output, home: "/home/me").text == "/home/me/dl")
        #expect(throws: BadValue.self) { try SettingValue("~/dl", for: .output, home: nil) }
    }

    @Test(arguments: [
        ("", [:]),
        (
            "upload-limit = \"5M\"\nlisten_port = 51413\nSeed-Goal = 2.5\n# a comment\n",
            [
                SettingKey.uploadLimit: "5M", .listenPort: "51413", .seedGoal: "2.5",
            ]
        ),
    ])
    func filesAreRead(text: String, values: [SettingKey: String]) throws {
        let file = try SettingsFile("/etc/pieces/pieces.toml", text, home: nil)
        #expect(file.values.mapValues(\.text) == values)
    }

    @Test(arguments: [
        ("uplod-limit = 1", "did you mean upload-limit?"), ("nonsense = 1", "`pieces settings` lists all of them"),
        ("upload-limit = \"fast\"", "upload-limit = \"fast\": give a rate"), ("upload-limit =", "line 1"),
        ("[limits]\nupload = 1", "line 1: sections are not used"),
        ("upload-limit = [1]", "must be a number or a text in quotes"),
        ("bind = true", "must be a number or a text in quotes"), ("output = \"dl\"", "give an absolute path"),
    ])
    func errorsInFilesNameTheFileAndWhatToDo(text: String, expected: String) {
        let said = failure { _ = try SettingsFile("/etc/pieces/pieces.toml", text, home: nil) }
        #expect(said.contains("/etc/pieces/pieces.toml") && said.contains(expected), "\(said)")
    }

    /// The forms of TOML that settings use.
    @Test(arguments: [
        ("output = \"/a b\" # there", "/a b"), ("output = '/a\\b'", "/a\\b"),
        ("\toutput=\"/\\u00e9\\t\\\"\\\\\"\r\n", "/é\t\"\\"),
        ("\"output\" = '/#'", "/#"),
    ])
    func textsAreRead(text: String, value: String) throws {
        #expect(try SettingsFile("/f", text, home: nil).values[.output]?.text == value)
    }

    @Test(arguments: [
        ("max-peers = 1_000", "1000"), ("seed-goal = +1.5", "+1.5"), ("seed-goal = 2.50", "2.50"),
        ("seed-goal = inf", nil),
        ("max-peers = 0x10", nil), ("max-peers = 5 6", nil), ("max-peers = 5 # six", "5"),
    ])
    func numbersAreRead(text: String, value: String?) {
        let file = try? SettingsFile("/f", text, home: nil)
        #expect(file.flatMap { $0.values.values.first?.text } == value)
    }

    @Test(arguments: [
        ("\n\noutput", "line 3: write each setting as NAME = VALUE"), ("output = \"/a", "closing quote is missing"),
        ("output = \"\\x\"", "a backslash"), ("output = \"/\\ud800\"", "hexadecimal digits of a character"),
        ("output = '/a' /b", "something follows the value"),
        ("max-peers = 1\nmax-peers = 2", "line 2: max-peers is set a second time"),
        ("= 1", "line 1: write each setting"), ("output = # none", "output has no value"),
    ])
    func problemsNameTheLine(text: String, expected: String) {
        let said = failure { _ = try SettingsFile("/f", text, home: nil) }
        #expect(said.contains("/f") && said.contains(expected), "\(said)")
    }

    /// Whatever a file holds is read, or named as a problem.
    @Test func anyTextIsReadOrRefused() {
        var random = SeededGenerator(seed: 1)
        let parts = [
            "output", "max-peers", " = ", "=", "\"", "'", "\\", "u00", "#", "\n", "1", "_", "/a", "[", "é", "\0",
            "\r\n", "\t",
        ]
        var read = 0
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                parts[Int.random(in: 0..<parts.count, using: &random)]
            }.joined()
            do {
                _ = try SettingsFile("/f", text, home: nil)
                read += 1
            } catch { #expect(error.description.contains("/f")) }
        }
        #expect(read > 100)
    }

    /// Each layer is stronger than those before it.
    @Test func strongerOriginsWin() async throws {
        try await withTemporaryFolder { folder in
            let (system, own) = (folder.appending("system.toml"), folder.appending("own.toml"))
            try system.write(
                "upload-limit = 1000\nmax-peers = 10\nlisten-port = 1001\nmax-seeds = 5\nseed-goal = \"1.5\"\nmax-checks = 3\n"
            )
            try own.write("upload-limit = 2000\nmax-peers = 20\nlisten-port = 1002\n")
            let connection = try Connection.open(folder.appending("p.db"), mode: .readWriteCreate, now: .now())
            let library = Library(connection)
            try library.set(.maxPeers, try SettingValue("30", for: .maxPeers, home: nil))
            try library.set(.listenPort, try SettingValue("1003", for: .listenPort, home: nil))
            var settings = try Settings(
                Settings.Sources(
                    files: [system, own], environment: ["PIECES_LISTEN_PORT": "1004", "PIECES_MAX_SEEDS": ""]))
            try settings.add(connection)
            #expect(settings.text(.uploadLimit) == "2000" && settings.origin(.uploadLimit) == .file(own))
            #expect(settings.text(.maxPeers) == "30" && settings.origin(.maxPeers) == .database)
            #expect(
                settings.text(.listenPort) == "1004"
                    && settings.origin(.listenPort) == .environment("PIECES_LISTEN_PORT"))
            #expect(settings.text(.maxSeeds) == "5" && settings.origin(.maxSeeds) == .file(system))
            #expect(settings.text(.bind) == nil && settings.origin(.bind) == .standard)

            var engine = EngineSettings(database: "p.db")
            settings.apply(to: &engine)
            #expect(engine.uploadLimit == 2000 && engine.maximumPeers == 30 && engine.slots.seeds == 5)
            #expect(engine.listenPort == 1004 && engine.listenPortIsFixed && engine.seedGoal == .ratio(1.5))
            #expect(
                engine.slots.checks == 3 && engine.slots.downloads == EngineSettings(database: "p.db").slots.downloads)

            try library.set(.maxPeers, nil)
            var after = try Settings(Settings.Sources(files: [system, own], environment: [:]))
            try after.add(connection)
            #expect(after.text(.maxPeers) == "20")
        }
    }

    @Test func databasePathIsNotStoredInTheDatabase() async throws {
        try await withTemporaryFolder { folder in
            let library = Library(try Connection.open(folder.appending("p.db"), mode: .readWriteCreate, now: .now()))
            let said = failure { try library.set(.database, nil) }
            #expect(said.contains("settings file"), "\(said)")
        }
    }

    @Test(arguments: [
        ("uplod-limit", "upload-limit"), ("ouput", "output"), ("max-peer", "max-peers"),
        ("backup-i", "backup-interval"),
        ("xyzzy", nil), ("", nil),
    ])
    func nearestNameIsProposed(text: String, expected: String?) {
        #expect(NearestName.of(text, among: SettingKey.allCases.map(\.rawValue)) == expected)
    }
}

extension FilePath {
    fileprivate func write(_ text: String) throws {
        let file = try FileDescriptor.open(
            self, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
        try file.closeAfter { _ = try file.writeAll(Array(text.utf8)) }
    }
}
