package import NIOCore
import PeerWire
import Swarm
package import Torrent

/// The bytes of several `piece` messages, which are sent in one write.
///
/// `@unchecked Sendable`: it has one user at a time: the loop, then a disk thread that fills it, then the loop again.
package final class UploadBuffer: @unchecked Sendable {
    package private(set) var buffer: ByteBuffer

    fileprivate init(capacity: Int) { buffer = ByteBufferAllocator().buffer(capacity: capacity) }

    /// Appends the messages of a run of blocks, which `fill` copies into place. If `fill` fails, nothing is appended.
    package func append(_ run: [BlockRequest], _ fill: ([UnsafeMutableRawBufferPointer]) -> Bool) -> Bool {
        let mark = buffer.writerIndex
        var positions: [Int] = []
        for request in run {
            PeerMessageEncoder.appendPieceHeader(
                piece: UInt32(request.piece.value), begin: UInt32(request.begin), blockLength: request.length,
                to: &buffer)
            positions.append(buffer.writerIndex - mark)
            buffer.reserveCapacity(minimumWritableBytes: request.length)
            // `fill` writes these bytes; if it fails, they are removed again.
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

    /// Empties the buffer. Its memory is kept unless another owner shares it.
    fileprivate func clear() { buffer.clear() }

    fileprivate var capacity: Int { buffer.capacity }
}

/// A pool of upload buffers, because fresh memory costs more than the copy into it.
///
/// Confined to the event loop, hence `@unchecked Sendable`.
package final class UploadBufferPool: @unchecked Sendable {
    /// The most unused buffers, and the largest buffer in bytes that is kept.
    private static let limit = 32
    private static let largest = 512 << 10

    private var free: [UploadBuffer] = []

    package init() {}

    package func take(_ capacity: Int) -> UploadBuffer {
        guard let frames = free.popLast() else { return UploadBuffer(capacity: capacity) }
        return frames
    }

    package func giveBack(_ frames: UploadBuffer) {
        guard free.count < Self.limit, frames.capacity <= Self.largest else { return }
        frames.clear()
        free.append(frames)
    }
}
