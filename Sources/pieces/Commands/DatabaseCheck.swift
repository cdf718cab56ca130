import ArgumentParser
import Engine
import Library
import SystemPackage
import Torrent

/// `pieces database check`
struct DatabaseCheck: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the database for damage. To check the torrents' files, use `pieces verify`.",
        discussion: """
            Reads every page, row and index, and compares checksums and info hashes. The database can be used meanwhile.

            Examples:
              pieces database check
              pieces database check --database pieces.db.backup-20260301T140512Z
              pieces database check --json

            Exit codes: 0 no damage found; 1 the database could not be read; 2 the database is damaged.
            """)

    /// The size in bytes from which the command announces that the check takes a while.
    private static let large: Int64 = 256 << 20

    @Flag(help: "Print JSON; see `pieces help json`.")
    var json = false

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func run() async throws {
        let faults = try find()
        let path = try global.path.text
        if json {
            Terminal.shared.print(
                bytes: JSONWriter.line { json in
                    json.path("database", "database_bytes", path)
                    json.field("sound", faults.isEmpty)
                    json.strings("faults", faults)
                })
        } else {
            for fault in faults { Terminal.shared.print(fault.printable) }
        }
        guard faults.isEmpty else {
            throw Failure(
                "\(path) is damaged: repair it with `pieces database salvage`, or start `pieces run`, which repairs it",
                .damaged)
        }
        if !json { Terminal.shared.print("\(path.printable): no damage found") }
    }

    private func find() throws -> [String] {
        try global.access.requireDatabase()
        return try DatabaseUpkeep(try global.path).check { bytes in
            guard bytes >= Self.large else { return }
            Terminal.shared.hint("reading \(Format.bytes(bytes)): this takes a while")
        }
    }
}
