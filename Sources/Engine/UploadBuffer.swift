import NIOCore
import PeerWire
import Swarm
import Torrent

/// The bytes of several `piece` messages, which leave in one write.
///
/// `@unchecked Sendable`: one at a time has it: the loop, a disk thread that fills it, the loop again.
final class UploadBuffer: @unchecked Sendable {
    private(set) var buffer: ByteBuffer

    fileprivate init(capacity: Int) { buffer = ByteBufferAllocator().buffer(capacity: capacity) }

    /// Appends the messages of a run of blocks; `fill` puts the blocks where they belong, and where it can't the run
    /// isn't there.
    func append(_ run: [BlockRequest], _ fill: ([UnsafeMutableRawBufferPointer]) -> Bool) -> Bool {
        let mark = buffer.writerIndex
        var positions: [Int] = []
        for request in run {
            PeerMessageEncoder.appendPieceHeader(
                piece: UInt32(request.piece.value), begin: UInt32(request.begin), blockLength: request.length,
                to: &buffer)
            positions.append(buffer.writerIndex - mark)
            buffer.reserveCapacity(minimumWritableBytes: request.length)
            // `fill` writes them, or they are taken back.
            buffer.moveWriterIndex(forwardBy: request.length)
        }
        let start = mark - buffer.readerIndex
        let isFilled = buffer.withUnsafeMutableReadableBytes { bytes in
            let own = UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
            return fill(zip(positions, run).map { UnsafeMutableRawBufferPointer(rebasing: own[$0..<$0 + $1.length]) })
        }
        if !isFilled { buffer.moveWriterIndex(to: mark) }
        return isFilled
    }

    /// Empties it; the memory stays where nobody else holds it.
    fileprivate func clear() { buffer.clear() }

    fileprivate var capacity: Int { buffer.capacity }
}

/// Memory for what is sent, used again: fresh memory costs more than what is copied into it.
///
/// Confined to the event loop, `@unchecked Sendable` for that.
final class UploadBufferPool: @unchecked Sendable {
    /// Buffers that wait, and bytes that a buffer may have to be kept.
    private static let limit = 32
    private static let largest = 512 << 10

    private var free: [UploadBuffer] = []

    func take(_ capacity: Int) -> UploadBuffer {
        guard let frames = free.popLast() else { return UploadBuffer(capacity: capacity) }
        return frames
    }

    func giveBack(_ frames: UploadBuffer) {
        guard free.count < Self.limit, frames.capacity <= Self.largest else { return }
        frames.clear()
        free.append(frames)
    }
}
