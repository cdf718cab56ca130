import Engine
import Library
import Recovery
import Store
import Torrent

/// Writes the object of `pieces status --json`, which ``JSONTopic`` describes.
struct StatusJSON {
    private let engine: EngineState
    private let recovery: RecoveryNote?
    private let queue: QueueState?
    private let limits: LimitState?
    private let now: Timestamp
    /// The members of a torrent of which neither an engine nor a tracker says anything: in a long list, of most.
    private let quiet = JSONWriter.members { Self.activity(nil, Scrape(), &$0) }
    /// The members of a torrent without labels and notes.
    private let bare = JSONWriter.members { Self.remarks(nil, [], nil, &$0) }

    init(
        _ engine: EngineState, _ recovery: RecoveryNote?, _ queue: QueueState? = nil, _ limits: LimitState? = nil,
        now: Timestamp = .now()
    ) {
        self.engine = engine
        self.recovery = recovery
        self.queue = queue
        self.limits = limits
        self.now = now
    }

    /// The whole object in parts. Each of `torrents` is what a writer holds after calls of ``append(_:_:to:)``.
    func parts(_ torrents: [KeptText]) -> [KeptText] {
        let frame = JSONWriter.line { json in
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
            if let report = limits?.report {
                json.object("limits") { json in
                    json.field("download", report.download)
                    json.field("upload", report.upload)
                    json.field("alternative_until", report.alternativeUntil?.rawValue)
                }
            } else {
                json.field("limits", nil as String?)
            }
            json.array("torrents") { _ in }
        }
        let end = frame.suffix(Self.end.count)
        assert(end.elementsEqual(Self.end))
        let comma = KeptText(",".utf8)
        let parts = torrents.filter { !$0.isEmpty }.flatMap { [comma, $0] }.dropFirst()
        return [KeptText(frame.dropLast(end.count))] + parts + [KeptText(end)]
    }

    /// What follows the torrents.
    private static let end = Array("]}\n".utf8)

    func append(_ torrent: StatusRow, _ have: Bitfield?, to json: inout JSONWriter) {
        json.object { fields(of: torrent, have, &$0) }
    }

    private func fields(of torrent: StatusRow, _ have: Bitfield?, _ json: inout JSONWriter) {
        let line = torrent.line
        let live = engine.live(line, now)
        json.field("id", line.id.rawValue)
        json.field("info_hash", torrent.infoHash)
        json.field("name", line.name)
        json.field("state", engine.state(of: line).rawValue)
        json.field("error", line.error)
        // What the metadata would say isn't known before it has arrived.
        let isKnown = line.hasMetadata
        json.field("progress", isKnown ? line.progress as Double? : nil)
        json.field("total_bytes", isKnown ? torrent.totalBytes as Int64? : nil)
        json.field("wanted_bytes", isKnown ? line.wantedBytes as Int64? : nil)
        json.field("completed_bytes", line.completedBytes)
        json.field("piece_length", isKnown ? torrent.pieceLength as Int? : nil)
        json.field("piece_count", isKnown ? line.pieceCount as Int? : nil)
        json.field("pieces_have", torrent.piecesHave)
        json.field("downloaded_bytes", torrent.downloadedBytes)
        json.field("uploaded_bytes", torrent.uploadedBytes)
        json.field("wasted_bytes", torrent.wastedBytes)
        if live == nil, torrent.scrape == Scrape() {
            json.append(members: quiet)
        } else {
            Self.activity(live, torrent.scrape, &json)
        }
        json.field("added_at", torrent.addedAt.rawValue)
        json.field("completed_at", torrent.completedAt?.rawValue)
        json.field("last_verified_at", torrent.lastVerifiedAt?.rawValue)
        json.field("seeding_seconds", torrent.seedingSeconds)
        json.field("web_seeds", torrent.webSeeds)
        if live == nil, torrent.labels.isEmpty, torrent.note == nil {
            json.append(members: bare)
        } else {
            Self.remarks(live, torrent.labels, torrent.note, &json)
        }
        json.path("output", "output_bytes", torrent.output)
        json.path("destination", "destination_bytes", torrent.destination)
        if let have { json.field("bitfield", Hex.encode(have.bytes)) }
    }

    private static func activity(_ live: LiveRow?, _ scrape: Scrape, _ json: inout JSONWriter) {
        json.field("download_rate", live?.downloadRate ?? 0)
        json.field("upload_rate", live?.uploadRate ?? 0)
        json.field("peers_connected", live?.peersConnected ?? 0)
        // Trackers know the whole swarm; without them, only the connected peers can be counted.
        json.field("seeders", scrape.seeders ?? live?.seeders)
        json.field("leechers", scrape.leechers ?? live?.leechers)
        json.field("eta_seconds", live?.timeLeft?.components.seconds)
    }

    private static func remarks(_ live: LiveRow?, _ labels: [String], _ note: String?, _ json: inout JSONWriter) {
        json.field("spread_pieces", live?.spreadPieces)
        json.strings("labels", labels)
        json.field("note", note)
    }
}

extension StatusLine {
    /// The fraction of the wanted bytes that is on disk, from 0 to 1.
    fileprivate var progress: Double { wantedBytes > 0 ? min(1, Double(completedBytes) / Double(wantedBytes)) : 1 }
}
