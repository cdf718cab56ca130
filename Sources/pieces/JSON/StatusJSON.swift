import Engine
import Library
import Recovery
import Store
import Torrent

/// Writes the object of `pieces status --json`.
struct StatusJSON {
    /// The part of the command's help that describes the object.
    static let help = """
        --json prints one object:
          engine    {running, pid, since}; `running` is null if this user can read the
                    database but can't see whether an engine is running;
                    `since` is when the engine started, or, if none is
                    running, when the last one was last seen
          mended    {at, what}; null except for a week after the database was repaired
                    or restored
          slots     {named_only, downloads, seeds, checks}, the last three being
                    {limit, active, queued}: how many torrents may be active at once
                    (null: no limit), are active, and wait for a slot; with
                    `named_only` the engine works only on the torrents that its
                    command named; null without an engine
          torrents  [{id, info_hash, name, state, error, progress, total_bytes,
                    wanted_bytes, completed_bytes, piece_length, piece_count,
                    pieces_have, downloaded_bytes, uploaded_bytes, wasted_bytes,
                    download_rate, upload_rate, peers_connected, seeders, leechers,
                    eta_seconds, added_at, completed_at, last_verified_at,
                    seeding_seconds, output}]

        `state` is downloading, seeding, checking, complete, paused, queued, offline or error. Times are Unix seconds, rates \
        are bytes per second, `progress` is from 0 to 1, and unknown values are null. `seeding_seconds` is how long the \
        torrent was complete and available to peers. --pieces adds `bitfield`: the pieces that the database records as \
        present, in hexadecimal; the first piece is the highest bit of the first byte. \(Program.pathsInJSON)
        """

    /// The typical number of bytes for a torrent without its bitfield.
    private static let usualBytes = 640

    private let engine: EngineState
    private let recovery: RecoveryNote?
    private let queue: QueueState?
    private let now: Timestamp

    init(_ engine: EngineState, _ recovery: RecoveryNote?, _ queue: QueueState? = nil, now: Timestamp = .now()) {
        self.engine = engine
        self.recovery = recovery
        self.queue = queue
        self.now = now
    }

    /// Returns the whole object. `count` is the expected number of torrents; `torrents` passes each one to
    /// ``append(_:_:to:)``.
    func bytes<Failure: Error>(count: Int, _ torrents: (inout JSONWriter) throws(Failure) -> Void) throws(Failure)
        -> [UInt8]
    {
        try JSONWriter.line(capacity: (count + 1) * Self.usualBytes) { (json) throws(Failure) in
            json.object("engine") { json in
                json.field("running", engine.isUnknown ? nil : engine.isRunning as Bool?)
                json.field("pid", engine.pid)
                json.field("since", engine.since?.rawValue)
            }
            if let recovery {
                json.object("mended") { json in
                    json.field("at", recovery.at.rawValue)
                    json.field("what", recovery.sentence)
                }
            } else {
                json.field("mended", nil as String?)
            }
            if let queue {
                json.object("slots") { queue.fields(&$0) }
            } else {
                json.field("slots", nil as String?)
            }
            try json.array("torrents", torrents)
        }
    }

    func append(_ torrent: StatusRow, _ have: Bitfield?, to json: inout JSONWriter) {
        json.object { fields(of: torrent, have, &$0) }
    }

    private func fields(of torrent: StatusRow, _ have: Bitfield?, _ json: inout JSONWriter) {
        let line = torrent.line
        let live = engine.live(line, now)
        json.field("id", line.id.rawValue)
        json.field("info_hash", "\(torrent.infoHash)")
        json.field("name", line.name)
        json.field("state", engine.state(of: line).rawValue)
        json.field("error", line.error)
        json.field("progress", line.progress)
        json.field("total_bytes", torrent.totalBytes)
        json.field("wanted_bytes", line.wantedBytes)
        json.field("completed_bytes", line.completedBytes)
        json.field("piece_length", torrent.pieceLength)
        json.field("piece_count", line.pieceCount)
        json.field("pieces_have", torrent.piecesHave)
        json.field("downloaded_bytes", torrent.downloadedBytes)
        json.field("uploaded_bytes", torrent.uploadedBytes)
        json.field("wasted_bytes", torrent.wastedBytes)
        json.field("download_rate", live?.downloadRate ?? 0)
        json.field("upload_rate", live?.uploadRate ?? 0)
        json.field("peers_connected", live?.peersConnected ?? 0)
        // Trackers know the whole swarm; without them, only the connected peers can be counted.
        json.field("seeders", torrent.scrape.seeders ?? live?.seeders)
        json.field("leechers", torrent.scrape.leechers ?? live?.leechers)
        json.field("eta_seconds", live?.timeLeft?.components.seconds)
        json.field("added_at", torrent.addedAt.rawValue)
        json.field("completed_at", torrent.completedAt?.rawValue)
        json.field("last_verified_at", torrent.lastVerifiedAt?.rawValue)
        json.field("seeding_seconds", torrent.seedTime.components.seconds)
        json.path("output", "output_bytes", torrent.output)
        if let have { json.field("bitfield", Hex.encode(have.bytes)) }
    }
}

extension StatusLine {
    /// The fraction of the wanted bytes that is on disk, from 0 to 1.
    fileprivate var progress: Double { wantedBytes > 0 ? min(1, Double(completedBytes) / Double(wantedBytes)) : 1 }
}
