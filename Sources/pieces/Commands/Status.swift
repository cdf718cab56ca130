import ArgumentParser
import Store
import Torrent

/// `pieces status`
struct Status: Command {
    static let configuration = CommandConfiguration(
        abstract: "Show how torrents do, from the database alone, whether or not an engine runs.",
        discussion: """
            Examples:
              pieces status
              pieces status --watch
              pieces status 3 --json --pieces

            --json prints one object: {"engine": {"running", "pid", "since"}, "torrents": [{"id", "info_hash", "name", "state", "error", "progress", \
            "total_bytes", "wanted_bytes", "completed_bytes", "piece_length", "piece_count", "pieces_have", "downloaded_bytes", "uploaded_bytes", \
            "wasted_bytes", "download_rate", "upload_rate", "peers_connected", "seeders", "leechers", "eta_seconds", "added_at", "completed_at", \
            "last_verified_at", "output"}]}. `state` is one of downloading, seeding, checking, complete, paused, queued, offline and error. Times are \
            Unix seconds, rates bytes a second, `progress` goes from 0 to 1; what nobody knows is null. `since` is when the engine began, or when the \
            last one was last alive. With --pieces there is "bitfield" too: hexadecimal, the first piece in the highest bit of the first byte, \
            exactly what the database claims to be on disk.
            """)

    @Argument(help: ArgumentHelp("Numbers, beginnings of info hashes, or names; all without any.", valueName: "torrent"))
    var torrents: [String] = []

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Draw it anew every second until interrupted; with --json, an object a line.")
    var watch = false

    @Flag(help: "Show which pieces are on disk.")
    var pieces = false

    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws {
        if watch { try await watchOn() } else { Terminal.shared.print(bytes: try text()) }
    }

    private func watchOn() async throws {
        while true {
            let text = try text()
            if json || !Terminal.shared.isInteractive {
                Terminal.shared.print(bytes: text)
            } else {
                Terminal.shared.show(String(decoding: text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
            }
            try await Interruption.pause(.seconds(1))
        }
    }

    private func text() throws -> [UInt8] {
        let connection = try global.openToRead()
        let engine = try EngineState(database: try global.path, connection)
        guard let connection else {
            guard torrents.isEmpty else { throw Failure("there is no database at \(try global.path) yet, and so no torrent: see --database") }
            if json { return StatusJSON(engine, []).bytes }
            return Array("no database yet at \(try global.path): `pieces add` or `pieces download` makes one\n".utf8)
        }
        let rows = try rows(connection)
        let fields = pieces ? try rows.map { try connection.have(of: $0.torrent.id, count: $0.torrent.pieceCount) } : nil
        if json { return StatusJSON(engine, rows, bitfields: fields).bytes }
        return Array(StatusText(engine, rows, bitfields: fields).text.utf8)
    }

    private func rows(_ connection: Connection) throws(StoreError) -> [StatusRow] {
        guard !torrents.isEmpty else { return try connection.statusRows() }
        return try connection.statusRows(ids: try connection.findTorrents(torrents).map(\.id))
    }
}
