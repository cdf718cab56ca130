package import Torrent

/// The pieces of a page, and when the one verified longest ago was verified.
package struct VerifiedPage: Sendable, Hashable {
    package let pieces: Range<PieceIndex>
    package let verifiedAt: Timestamp
}
