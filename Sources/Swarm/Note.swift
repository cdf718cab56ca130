package import Torrent

/// An event for the log.
package enum Note: Equatable, Sendable {
    /// A piece that `senders` sent failed its hash check. `unreported` more failures since the last note were not
    /// reported.
    case pieceFailed(PieceIndex, senders: [PeerAddress], unreported: Int)
    case banned(PeerAddress, reason: String)
    /// All unverified pieces were checked.
    case checkedAll(good: Int, bad: Int, missing: Int)
    /// Every wanted piece is present and recorded.
    case completed
    case fault(Fault)
    case faultGone(Fault.Kind)
}
