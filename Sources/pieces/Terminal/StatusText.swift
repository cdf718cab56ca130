import Store
import Torrent

/// The table of `pieces status`.
struct StatusText {
    let text: String

    init(_ engine: EngineState, _ rows: [StatusRow], bitfields: [Bitfield]? = nil, now: Timestamp = .now()) {
        let width = Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil
        var text = engine.sentence + "\n"
        if rows.isEmpty {
            text += "no torrents yet: `pieces add` or `pieces download` brings some\n"
        } else {
            text += Self.table(engine, rows, now).text(width: width)
        }
        // What failed says why, below the table, where there is room.
        for row in rows {
            if let error = row.torrent.error { text += "\(row.torrent.id)  \(error.printable)\n" }
        }
        for (row, bitfield) in zip(rows, bitfields ?? []) {
            let part = "\(Format.count(bitfield.population)) of \(Format.count(bitfield.count, "piece"))"
            text += "\(row.torrent.id)  \(row.torrent.name.printable): \(part)\n"
            text += "  |\(PieceMap.text(bitfield, width: (width ?? 80) - 4))|\n"
        }
        self.text = text
    }

    private static func table(_ engine: EngineState, _ rows: [StatusRow], _ now: Timestamp) -> Table {
        var table = Table(
            [
                .right("ID"), .left("NAME"), .left("STATE"), .right("DONE"), .right("SIZE"), .right("DOWN"), .right("UP"), .right("PEERS"),
                .right("LEFT"),
            ], flexible: 1)
        for row in rows {
            let torrent = row.torrent
            let live = engine.isRunning ? row.live.flatMap { $0.isFresh(now) ? $0 : nil } : nil
            table.add([
                "\(torrent.id)", torrent.name.printable, engine.state(of: torrent).rawValue,
                Format.percent(torrent.completedBytes, of: torrent.wantedBytes), Format.bytes(torrent.wantedBytes),
                live.map { Format.rate($0.downloadRate) } ?? "", live.map { Format.rate($0.uploadRate) } ?? "",
                live.map { "\($0.peersConnected)" } ?? "",
                live?.timeLeft.map { Format.time($0) } ?? "",
            ])
        }
        return table
    }
}
