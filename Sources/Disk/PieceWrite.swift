import Synchronization
package import Torrent

/// A complete piece that is to be hashed, and written if its hash is right.
package struct PieceWrite: Sendable {
    package let payload: Payload
    package let piece: PieceIndex
    /// The 20 bytes of the piece's SHA-1.
    package let expected: ArraySlice<UInt8>
    package let buffer: PieceBuffer
    /// Blocks that are already on the disk and not in the buffer; they are read into it.
    package let missing: BlockSet
    /// Blocks in the buffer that ``Disk/writeBlocks(_:piece:from:blocks:completion:)`` has already written.
    package let alreadyWritten: BlockSet
    /// Whether ``PieceOutcome/good(blockDigests:)`` must include the digests, which identify the sender of the bad
    /// blocks of an earlier attempt.
    package let wantsBlockDigests: Bool

    package init(
        payload: Payload, piece: PieceIndex, expected: ArraySlice<UInt8>, buffer: PieceBuffer,
        missing: BlockSet = BlockSet(),
        alreadyWritten: BlockSet = BlockSet(), wantsBlockDigests: Bool = false
    ) {
        precondition(expected.count == SHA1Digest.byteCount && buffer.length >= payload.geometry.length(of: piece))
        self.payload = payload
        self.piece = piece
        self.expected = expected
        self.buffer = buffer
        self.missing = missing
        self.alreadyWritten = alreadyWritten
        self.wantsBlockDigests = wantsBlockDigests
    }

    /// The piece's bytes in its buffer.
    var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<payload.geometry.length(of: piece)])
    }
}

/// The result of a ``PieceWrite``.
package enum PieceOutcome: Sendable {
    /// The hash was right, and every byte is written but not yet synced.
    case good(blockDigests: [UInt64]?)
    /// The hash was wrong, and nothing was written. The block digests are compared with those of the good piece later.
    case bad(blockDigests: [UInt64])
    /// The machine failed; a part of the piece may be written.
    case failed(DiskError)
}
