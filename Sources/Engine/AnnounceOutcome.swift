import Net
import TrackerWire

/// How an announce to one tracker ended.
enum AnnounceOutcome: Sendable {
    case answered(AnnounceResponse)
    /// `retryIn` is the pause that the tracker or its host asked for; `nil` means the usual back-off.
    case failed(reason: String, retryIn: Duration?)
    /// The engine cancelled the announce, which says nothing about the tracker.
    case cancelled
}
