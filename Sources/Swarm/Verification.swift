package import Torrent

/// A complete piece that must be hashed and written.
package struct Verification: Equatable, Sendable {
    package let piece: PieceIndex
    /// Blocks that aren't in the piece's buffer and must be read from disk first.
    package let fromDisk: BlockSet
    /// Blocks that are already on disk.
    package let written: BlockSet
    /// Whether the answer must carry a digest of each block even if the piece passes.
    package let wantsDigests: Bool
    /// Whether to hash the piece without waiting for a full set of lanes: a peer on probation gets little to do until
    /// the answer comes, or nothing else is left to download.
    package let isAwaited: Bool
}
