import Synchronization
import Torrent

/// A piece that is complete: to be hashed, and written when it is right.
package struct PieceWrite: Sendable {
    package let payload: Payload
    package let piece: PieceIndex
    /// The 20 bytes of its SHA-1.
    package let expected: ArraySlice<UInt8>
    package let buffer: PieceBuffer
    /// Blocks that are not in the buffer because they are on the disk already: they are read into it.
    package let missing: BlockSet
    /// Blocks in the buffer that were written before by ``Disk/writeBlocks(_:piece:from:blocks:completion:)``.
    package let alreadyWritten: BlockSet
    /// Whether ``PieceOutcome/good(blockDigests:)`` shall have the digests too, to find who sent the bad blocks of an
    /// earlier try.
    package let wantsBlockDigests: Bool

    package init(
        payload: Payload, piece: PieceIndex, expected: ArraySlice<UInt8>, buffer: PieceBuffer,
        missing: BlockSet = BlockSet(),
        alreadyWritten: BlockSet = BlockSet(), wantsBlockDigests: Bool = false
    ) {
        precondition(expected.count == InfoHash.byteCount && buffer.length >= payload.geometry.length(of: piece))
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

/// What became of a ``PieceWrite``.
package enum PieceOutcome: Sendable {
    /// The hash was right and every byte is written, though not yet synced.
    case good(blockDigests: [UInt64]?)
    /// The hash was wrong, and nothing was written. The digest of each block, to be compared with those of the piece
    /// when it is right.
    case bad(blockDigests: [UInt64])
    /// The machine failed; some of the piece may be written.
    case failed(DiskError)
}
