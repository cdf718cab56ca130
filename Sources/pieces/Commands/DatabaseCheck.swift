import ArgumentParser
import Engine
import Library
import SystemPackage
import Torrent

/// `pieces database check`
struct DatabaseCheck: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Look for damage in the database; the files of the torrents are `pieces verify`'s.",
        discussion: """
            Every page, row and index is read, checksums and info hashes are compared. Others may use the database meanwhile.

            Examples:
              pieces database check
              pieces database check --database pieces.db.backup-20260301T140512Z
              pieces database check --json

            Exit codes: 0 nothing is wrong; 1 it could not be read; 2 it is damaged.

            --json prints one object: {"database", "sound", "faults": [sentence]}. \(Program.pathsInJSON)
            """)

    /// Bytes from which on it is said that it takes a while.
    private static let large: Int64 = 256 << 20

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "Global options") var global: GlobalOptions

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
                "\(path) is damaged: `pieces run` mends it when it starts, and so does `pieces database salvage`",
                .damaged)
        }
        if !json { Terminal.shared.print("\(path.printable): nothing is wrong") }
    }

    private func find() throws -> [String] {
        try global.requireDatabase()
        return try DatabaseUpkeep(try global.path).check { bytes in
            guard bytes >= Self.large else { return }
            Terminal.shared.hint("reading \(Format.bytes(bytes)): this takes a while")
        }
    }
}
