import ArgumentParser
import Library
import Store
import Torrent

/// `pieces status`
struct Status: DirectCommand, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the state of torrents; works without a running engine.",
        discussion: """
            Examples:
              pieces status
              pieces status --watch
              pieces status 3 --json --pieces
            """)

    @Argument(
        help: ArgumentHelp(
            "Numbers, first digits of info hashes, or names. Default: all torrents.", valueName: "torrent"))
    var torrents: [String] = []

    @Flag(help: "Print JSON; see `pieces help json`.")
    var json = false

    @Flag(
        help:
            "Refresh every second until interrupted, or until the reader closes the output; with --json, print one object per line."
    )
    var watch = false

    @Flag(help: "Show which pieces are on disk.")
    var pieces = false

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    var waits: Bool { watch }

    func runDirectly() throws { Terminal.shared.print(bytes: try text()) }

    func run() async throws {
        while watch {
            if json || !Terminal.shared.isInteractive {
                Terminal.shared.print(bytes: try text())
            } else {
                let text = try text(room: Terminal.shared.room)
                Terminal.shared.show(String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init))
            }
            try await Interruption.pause(.seconds(1))
            try Terminal.shared.requireReader()
        }
    }

    /// Formats everything before any of it is written, because a reader that is slow or stopped must not hold back the
    /// database's log. `room` is the number of lines that fit on the screen.
    private func text(room: Int? = nil) throws -> [UInt8] { try Rereading.run { try read(room) } }

    private func read(_ room: Int?) throws -> [UInt8] {
        guard let connection = try global.openToRead() else { return try textWithoutDatabase() }
        return try Library(connection).readStatus(of: torrents) { (reading) throws(StoreError) in
            json ? try object(reading) : try table(reading, room)
        }
    }

    private func textWithoutDatabase() throws -> [UInt8] {
        let database = try global.path
        guard torrents.isEmpty else { throw Failure("\(try global.access.absence); so there is no torrent") }
        guard json else { return Array("\(try global.access.absence)\n".utf8) }
        return StatusJSON(try EngineState(database: database, nil), nil, nil).bytes(count: 0) { _ in }
    }

    private func object(_ reading: StatusReading) throws(StoreError) -> [UInt8] {
        let status = StatusJSON(reading.engine, try reading.recovery(), try reading.queue())
        return try status.bytes(count: try reading.count()) { (json) throws(StoreError) in
            try reading.forEachRow { (torrent) throws(StoreError) in
                status.append(torrent, try have(torrent.line, reading), to: &json)
            }
        }
    }

    private func table(_ reading: StatusReading, _ room: Int?) throws(StoreError) -> [UInt8] {
        // The queue is described only when all torrents are listed.
        let queue = reading.isOfAll ? try reading.queue() : nil
        var table = StatusTable(reading.engine, try reading.recovery(), queue)
        guard let room else {
            try reading.forEachLine { (torrent) throws(StoreError) in
                table.add(torrent)
                if let have = try have(torrent, reading) { table.add(have, of: torrent) }
            }
            return table.bytes
        }
        var torrents: [StatusLine] = []
        try reading.forEachLine { (torrent) throws(StoreError) in torrents.append(torrent) }
        for torrent in table.choose(torrents, room: room) {
            table.add(torrent)
            if let have = try have(torrent, reading) { table.add(have, of: torrent) }
        }
        return table.bytes
    }

    /// The pieces on disk, or `nil` without --pieces.
    private func have(_ torrent: StatusLine, _ reading: StatusReading) throws(StoreError) -> Bitfield? {
        pieces ? try reading.have(torrent) : nil
    }
}
