/// What the shell does with a received block.
package enum BlockVerdict: Equatable, Sendable {
    /// Copy the block to its place in the piece's buffer.
    case store
    /// The block is not needed.
    case discard
}
