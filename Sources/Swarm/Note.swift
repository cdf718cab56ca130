package import Torrent

/// An event for the log.
package enum Note: Equatable, Sendable {
    /// A piece that `senders` and web seeds sent failed its hash check. `unreported` more failures since the last note
    /// were not reported.
    case pieceFailed(PieceIndex, senders: [PeerAddress], unreported: Int, webSeeds: [WebSeedKey] = [])
    case banned(PeerAddress, reason: String)
    /// The web seed doesn't have this file as the torrent has it.
    case webSeedLacks(WebSeedKey, file: Int, reason: String)
    /// The web seed rests.
    case webSeedFailed(WebSeedKey, reason: String)
    /// The web seed isn't asked any more.
    case webSeedEnded(WebSeedKey, reason: String)
    /// A damaged piece was fetched from `senders` and web seeds, and written.
    case repaired(PieceIndex, senders: [PeerAddress], webSeeds: [WebSeedKey])
    /// All unverified pieces were checked.
    case checkedAll(good: Int, bad: Int, missing: Int)
    /// Every wanted piece is present and recorded.
    case completed
    case fault(Fault)
    case faultGone(Fault.Kind)
}
