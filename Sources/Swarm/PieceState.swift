/// The state of one piece, as ``PieceStates/state(of:)`` returns it.
package enum PieceState: Sendable {
    /// Not present. Blocks of the piece may be on disk, but none is requested or buffered.
    case absent
    /// Being downloaded, or complete and waiting to be hashed.
    case active
    /// Complete, and being hashed and written.
    case verifying
    /// Hashed and written, but not recorded in the database yet.
    case written
    /// Recorded in the database as present.
    case recorded
    /// Must be hashed on disk before it counts as present or is downloaded.
    case unverified
}
