/// What the user asked for a torrent.
package struct TorrentSettings: Sendable, Hashable {
    package var isPaused = false
    package var isSequential = false
    /// Reserve the space of whole files at once, instead of as pieces come.
    package var allocatesFull = false
    package var limits = TorrentLimits()
    package var seedGoal = SeedGoal.standard

    package init() {}

    init(_ row: Statement) throws(StoreError) {
        isPaused = try row.next()
        isSequential = try row.next()
        allocatesFull = try row.next()
        limits.download = try row.next()
        limits.upload = try row.next()
        limits.peers = try row.next()
        seedGoal = try SeedGoal(row)
    }
}

/// The limits of one torrent; `nil` is none of its own.
package struct TorrentLimits: Sendable, Hashable {
    /// Bytes a second, more than 0.
    package var download: Int64?
    /// Bytes a second, more than 0.
    package var upload: Int64?
    /// Connected peers, more than 0.
    package var peers: Int?

    package init(download: Int64? = nil, upload: Int64? = nil, peers: Int? = nil) {
        self.download = download
        self.upload = upload
        self.peers = peers
    }
}

/// When a complete torrent stops to seed.
package enum SeedGoal: Sendable, Hashable {
    /// As the settings of the engine say.
    case standard
    /// At once.
    case none
    case forever
    /// When uploaded bytes are this many times the torrent's bytes.
    case ratio(Double)
    /// This long after completion.
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

    fileprivate init(_ row: Statement) throws(StoreError) {
        let word: String = try row.next()
        let ratio: Double? = try row.next()
        let seconds: Int64? = try row.next()
        // The table's CHECKs leave no other words, and no `ratio` or `time` without its number.
        switch (word, ratio, seconds) {
        case ("ratio", let ratio?, _): self = .ratio(ratio)
        case ("time", _, let seconds?): self = .time(.seconds(seconds))
        case ("none", _, _): self = .none
        case ("forever", _, _): self = .forever
        default: self = .standard
        }
    }
}
