package import SystemPackage

/// The outcome of restoring a backup.
package struct Restoration: Hashable, Sendable {
    /// The new path of the replaced database; `nil` when there was none.
    package let setAside: FilePath?
    package let torrents: Int
    /// Pieces that will be rechecked, because they may have changed since the backup.
    package let unverifiedPieces: Int
}
