package import Torrent

/// The database's record of a torrent's pieces.
package struct Claims: Sendable, Hashable {
    /// Present: on the disk and synced.
    package let have: Bitfield
    /// May have been written since the last commit.
    package let writeIntents: Bitfield
}
