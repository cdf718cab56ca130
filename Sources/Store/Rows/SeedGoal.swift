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

    package var word: String {
        switch self {
        case .standard: "default"
        case .none: "none"
        case .forever: "forever"
        case .ratio: "ratio"
        case .time: "time"
        }
    }

    package var ratio: Double? {
        if case .ratio(let ratio) = self { ratio } else { nil }
    }

    package var seconds: Int64? {
        if case .time(let duration) = self { duration.components.seconds } else { nil }
    }

    /// `nil` for a word that the table's CHECKs would reject, or for one without its number.
    init?(word: String, ratio: Double?, seconds: Int64?) {
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
