import ArgumentParser
import Library
import System
import SystemPackage
import Torrent

/// `pieces service`
struct Service: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service", abstract: "Install or remove a systemd service that runs the engine.",
        discussion: """
            The service reports when it is ready, is restarted if it hangs or crashes, and rereads its settings with \
            `systemctl reload pieces`. A disk that isn't there never stops it: torrents on it are offline until it is back.

            Examples:
              sudo pieces service install
              pieces service install --user
            """, subcommands: [InstallService.self, UninstallService.self])
}

/// `pieces service install`
struct InstallService: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Write the systemd unit for `pieces run`.",
        discussion: """
            As root, the unit is for the whole machine: it runs as a user of its own, whose database is \
            \(ServiceUnit.systemDatabase). Put the settings into /etc/pieces/pieces.toml, and make sure that the user may write to \
            the output folders. With --user, the unit is for you, with your own database and settings.

            Examples:
              sudo pieces service install && sudo systemctl enable --now pieces
              sudo -u pieces pieces status --database \(ServiceUnit.systemDatabase)
              pieces service install --user && systemctl --user enable --now pieces
            """)

    @OptionGroup var place: ServicePlace

    @Option(
        help: ArgumentHelp(
            "User that the system's service runs as; it is created if it doesn't exist.", valueName: "name"))
    var runAs = "pieces"

    func validate() throws {
        let isName = runAs.utf8.first.map { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
        guard isName, runAs.utf8.count <= 31,
            runAs.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "_-".contains($0)) })
        else { throw ValidationError("--run-as must be the name of a user") }
    }

    func run() async throws {
        let folder = try place.folder
        let owner: ServiceUnit.Owner = place.isOfUser ? .user : .system(user: runAs)
        let unit = ServiceUnit(owner, program: try Self.program)
        try place.requireOurs()
        try Installation(prefix: folder).put([.init(ServiceUnit.name, PathText.bytes(unit.text))])
        Terminal.shared.print("wrote \(folder.appending(ServiceUnit.name).text.printable)")
        if let sysusers = unit.sysusers, place.unitDirectory == nil {
            try Installation(prefix: ServicePlace.sysusersFolder).put([
                .init(ServicePlace.sysusersName, Array(sysusers.utf8))
            ]
            )
            try await ServicePlace.tell("systemd-sysusers", [ServicePlace.sysusersName])
        }
        guard place.unitDirectory == nil else { return }
        let manager = place.isOfUser ? ["--user"] : []
        try await ServicePlace.tell("systemctl", manager + ["daemon-reload"])
        let command = (["systemctl"] + manager + ["enable", "--now", "pieces"]).joined(separator: " ")
        Terminal.shared.print("start it now and at each boot: \(command)")
        if place.isOfUser { Terminal.shared.print("let it run while you are logged out: loginctl enable-linger") }
    }

    /// The path of this program, which the unit names.
    private static var program: FilePath {
        get throws {
            guard let path = PathCalls.resolved("/proc/self/exe") else {
                throw Failure("cannot find the path of this program: /proc isn't mounted")
            }
            return path
        }
    }
}

/// `pieces service uninstall`
struct UninstallService: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall", abstract: "Stop the service and remove its unit; torrents and the database stay.",
        discussion: """
            Examples:
              sudo pieces service uninstall
              pieces service uninstall --user
            """)

    @OptionGroup var place: ServicePlace

    func run() async throws {
        let manager = place.isOfUser ? ["--user"] : []
        let path = try place.folder.appending(ServiceUnit.name)
        guard PathCalls.exists(path) else {
            return Terminal.shared.print("there is no unit \(path.text.printable)")
        }
        if place.unitDirectory == nil {
            try await ServicePlace.tell("systemctl", manager + ["disable", "--now", "pieces"])
        }
        try place.requireOurs()
        _ = try Installation.remove(path)
        if !place.isOfUser, place.unitDirectory == nil {
            _ = try Installation.remove(ServicePlace.sysusersFolder.appending(ServicePlace.sysusersName))
        }
        if place.unitDirectory == nil { try await ServicePlace.tell("systemctl", manager + ["daemon-reload"]) }
        Terminal.shared.print("removed \(path.text.printable); torrents, settings and the database stay")
    }
}

/// Where the unit is.
struct ServicePlace: ParsableArguments {
    static let sysusersName = "pieces.conf"
    static let sysusersFolder: FilePath = "/etc/sysusers.d"

    @Flag(name: .customLong("user"), help: "For you alone, not for the whole machine.")
    var isOfUser = false

    @Option(
        help: ArgumentHelp(
            "Folder for the unit, without telling systemd, for example to make a package.", valueName: "dir"),
        completion: .directory)
    var unitDirectory: String?

    var folder: FilePath {
        get throws {
            if let unitDirectory { return try NewFile.absolute(unitDirectory) }
            guard isOfUser else { return "/etc/systemd/system" }
            if let config = GlobalOptions.environment("XDG_CONFIG_HOME"), config.hasPrefix("/") {
                return FilePath(text: config).appending(["systemd", "user"])
            }
            guard let home = GlobalOptions.environment("HOME"), home.hasPrefix("/") else {
                throw Failure.usage("HOME is not set: give a folder with --unit-directory")
            }
            return FilePath(text: home).appending([".config", "systemd", "user"])
        }
    }

    /// Throws if another unit of this name is there.
    func requireOurs() throws {
        let path = try folder.appending(ServiceUnit.name)
        guard PathCalls.exists(path) else { return }
        let text = String(decoding: try InstallPlace.contents(path), as: UTF8.self)
        guard ServiceUnit.isOurs(text) else {
            throw Failure(
                "\(path.text.printable) was not written by `pieces service install`: move it away, or keep that service"
            )
        }
    }

    /// How long systemd may take, which waits for the service to stop.
    private static let timeLimit = Duration.seconds(120)

    /// Runs a command of systemd. If it fails, what is already written stays, and a sentence says what to do.
    static func tell(_ name: String, _ arguments: [String]) async throws {
        let line = ([name] + arguments).joined(separator: " ")
        do {
            let result = try await HelperProgram(name, arguments).run(within: timeLimit)
            guard !result.isSuccess else { return }
            let why = result.errors.split(separator: "\n").first.map { ": \(String($0).printable)" } ?? ""
            Terminal.shared.complain("`\(line)` failed\(why): run it yourself once systemd is running")
        } catch {
            Terminal.shared.complain("cannot run `\(line)`: run it yourself on a machine with systemd")
        }
    }
}
