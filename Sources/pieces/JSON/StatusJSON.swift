import Store
import Torrent

/// The object of `pieces status --json`, which the command's help documents.
struct StatusJSON {
    /// Bytes of a torrent without its bitfield.
    private static let usualBytes = 768

    let bytes: [UInt8]

    init(_ engine: EngineState, _ rows: [StatusRow], bitfields: [Bitfield]? = nil, now: Timestamp = .now()) {
        bytes = JSONWriter.line(capacity: (rows.count + 1) * Self.usualBytes) { json in
            json.object("engine") { json in
                json.field("running", engine.isRunning)
                json.field("pid", engine.pid)
                json.field("since", engine.since?.rawValue)
            }
            json.array("torrents", rows.indices) { json, n in
                json.object { Self.fields(of: rows[n], engine, now, bitfields?[n], &$0) }
            }
        }
    }

    private static func fields(of row: StatusRow, _ engine: EngineState, _ now: Timestamp, _ bitfield: Bitfield?, _ json: inout JSONWriter) {
        let torrent = row.torrent
        let live = engine.isRunning ? row.live.flatMap { $0.isFresh(now) ? $0 : nil } : nil
        json.field("id", torrent.id.rawValue)
        json.field("info_hash", "\(torrent.infoHash)")
        json.field("name", torrent.name)
        json.field("state", engine.state(of: torrent).rawValue)
        json.field("error", torrent.error)
        json.field("progress", torrent.progress)
        json.field("total_bytes", torrent.totalBytes)
        json.field("wanted_bytes", torrent.wantedBytes)
        json.field("completed_bytes", torrent.completedBytes)
        json.field("piece_length", torrent.pieceLength)
        json.field("piece_count", torrent.pieceCount)
        json.field("pieces_have", torrent.piecesHave)
        json.field("downloaded_bytes", torrent.downloadedBytes)
        json.field("uploaded_bytes", torrent.uploadedBytes)
        json.field("wasted_bytes", torrent.wastedBytes)
        json.field("download_rate", live?.downloadRate ?? 0)
        json.field("upload_rate", live?.uploadRate ?? 0)
        json.field("peers_connected", live?.peersConnected ?? 0)
        // Trackers know the whole swarm; without them there is what is connected.
        json.field("seeders", row.trackerSeeders ?? live?.seeders)
        json.field("leechers", row.trackerLeechers ?? live?.leechers)
        json.field("eta_seconds", live?.timeLeft?.components.seconds)
        json.field("added_at", torrent.addedAt.rawValue)
        json.field("completed_at", torrent.completedAt?.rawValue)
        json.field("last_verified_at", torrent.lastVerifiedAt?.rawValue)
        json.field("output", torrent.output)
        if let bitfield { json.field("bitfield", Hex.encode(bitfield.bytes)) }
    }
}

extension TorrentRow {
    /// The share of the wanted bytes that is on disk, from 0 to 1.
    var progress: Double { wantedBytes > 0 ? min(1, Double(completedBytes) / Double(wantedBytes)) : 1 }
}
