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
        Value(key: .allocate, good: ["sparse", "Full"], bad: ["", "half"]),
        Value(key: .watch, good: ["/in"], bad: ["in"]),
        Value(key: .watchOutput, good: ["/out"], bad: ["."]),
        Value(key: .listenPort, good: ["0", "65535"], bad: ["-1", "65536", "six", ""]),
        Value(key: .bind, good: ["127.0.0.1", "::1"], bad: ["localhost", "1.2.3"]),
        Value(key: .maxPeers, good: ["1", "none"], bad: ["-1", "1.5", "100001"]),
        Value(key: .downloadLimit, good: ["500K", "2M", "1.5MiB/s", "none"], bad: ["fast", "-3", ""]),
        Value(key: .uploadLimit, good: ["1"], bad: ["1 per second"]),
        Value(key: .maxDownloads, good: ["50"], bad: ["many"]),
        Value(key: .maxSeeds, good: ["none"], bad: ["all"]),
        Value(key: .maxChecks, good: ["8"], bad: ["8 "]),
        Value(
            key: .seedGoal, good: ["forever", "none", "1.5", "0", "30d", "1h30m"], bad: ["-1", "nan", "inf", "soon"]),
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
        ("[limits]\nupload = 1", "there is no setting \"limits\""),
        ("upload-limit = [1]", "must be a number or a text in quotes"),
        ("bind = true", "must be a number or a text in quotes"), ("output = \"dl\"", "give an absolute path"),
    ])
    func errorsInFilesNameTheFileAndWhatToDo(text: String, expected: String) {
        let said = failure { _ = try SettingsFile("/etc/pieces/pieces.toml", text, home: nil) }
        #expect(said.contains("/etc/pieces/pieces.toml") && said.contains(expected), "\(said)")
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
