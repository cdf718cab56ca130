/// The user's settings for a torrent.
package struct TorrentSettings: Sendable, Hashable {
    package var isPaused = false
    package var isSequential = false
    /// Reserve the space of whole files at once, instead of as pieces arrive.
    package var allocatesFull = false
    package var limits = TorrentLimits()
    package var seedGoal = SeedGoal.standard

    package init() {}

    /// Reads the columns in their order. An invalid value is replaced by the default, and described in `damage`.
    init(_ row: Statement, damage: inout String?) throws(StoreError) {
        var fault: String?
        func read<Value: SQLValue>(or usual: Value) throws(StoreError) -> Value {
            do {
                return try row.next()
            } catch {
                guard error.isOfRow else { throw error }
                fault = fault ?? error.message
                return usual
            }
        }
        isPaused = try read(or: false)
        isSequential = try read(or: false)
        allocatesFull = try read(or: false)
        limits.download = try read(or: nil)
        limits.upload = try read(or: nil)
        limits.peers = try read(or: nil)
        let goal = SeedGoal(word: try read(or: "default"), ratio: try read(or: nil), seconds: try read(or: nil))
        if goal == nil { fault = fault ?? "column “seed_goal” holds an invalid value: \(StoreError.rowAdvice)" }
        seedGoal = goal ?? .standard
        for limit in [limits.download, limits.upload, limits.peers.map({ Int64($0) })] where limit ?? 1 <= 0 {
            fault = fault ?? "a limit is not positive: set it with `pieces limit`"
        }
        damage = damage ?? fault
    }
}

/// The limits of one torrent; `nil` means that the torrent has no limit of its own.
package struct TorrentLimits: Sendable, Hashable {
    /// Bytes per second, more than 0.
    package var download: Int64?
    /// Bytes per second, more than 0.
    package var upload: Int64?
    /// Connected peers, more than 0.
    package var peers: Int?

    package init(download: Int64? = nil, upload: Int64? = nil, peers: Int? = nil) {
        self.download = download
        self.upload = upload
        self.peers = peers
    }
}

/// When a complete torrent stops seeding.
package enum SeedGoal: Sendable, Hashable {
    /// According to the engine's settings.
    case standard
    /// At once.
    case none
    case forever
    /// When the uploaded bytes reach this multiple of the bytes of the wanted files.
    case ratio(Double)
    /// When the torrent has been complete and seeding for this long, over all runs of the engine.
    case time(Duration)

    var word: String {
        switch self {
        case .standard: "default"
        case .none: "none"
        case .forever: "forever"
        case .ratio: "ratio"
        case .time: "time"
        }
    }

    var ratio: Double? {
        if case .ratio(let ratio) = self { ratio } else { nil }
    }

    var seconds: Int64? {
        if case .time(let duration) = self { duration.components.seconds } else { nil }
    }

    /// `nil` for a word that the table's CHECKs would reject, or for one without its number.
    fileprivate init?(word: String, ratio: Double?, seconds: Int64?) {
        switch (word, ratio, seconds) {
        case ("ratio", let ratio?, _): self = .ratio(ratio)
        case ("time", _, let seconds?): self = .time(.seconds(seconds))
        case ("none", _, _): self = .none
        case ("forever", _, _): self = .forever
        case ("default", _, _): self = .standard
        default: return nil
        }
    }
}
