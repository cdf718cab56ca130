import Torrent
import TrackerWire

/// What an announce says about the progress of a torrent (BEP 3).
struct AnnouncedProgress: Sendable {
    /// Bytes that are wanted and not present.
    var left: Int64
    /// Bytes transferred in this run of the engine.
    var moved: TransferCounters
}
