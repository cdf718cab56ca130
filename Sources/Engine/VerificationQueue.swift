import Disk
import NIOCore
import Torrent

/// Complete pieces of all torrents on their way to the disk: they wait for each other a moment, because many are hashed at the price of few.
///
/// `@unchecked Sendable`: it is confined to the event loop that all torrents share.
final class VerificationQueue: @unchecked Sendable {
    /// How long a piece waits for others: little beside what it took to come.
    private static let patience = TimeAmount.milliseconds(20)
    /// Bytes that wait, however few the pieces are.
    private static let maximumBytes = 16 << 20

    private let disk: Disk
    private let loop: any EventLoop
    private var waiting: [Disk.PieceJob] = []
    private var bytes = 0
    private var isScheduled = false

    init(disk: Disk, loop: any EventLoop) {
        self.disk = disk
        self.loop = loop
    }

    /// Has the piece hashed and, if it is right, written, soon. `completion` is called on a thread of the disk's.
    func add(_ write: PieceWrite, completion: @escaping @Sendable (PieceIndex, PieceOutcome) -> Void) {
        loop.assertInEventLoop()
        waiting.append(Disk.PieceJob(write: write, completion: completion))
        bytes += write.buffer.length
        if waiting.count >= Disk.lanes || bytes >= Self.maximumBytes {
            flush()
        } else if !isScheduled {
            isScheduled = true
            loop.scheduleTask(in: Self.patience) {
                self.isScheduled = false
                self.flush()
            }
        }
    }

    private func flush() {
        guard !waiting.isEmpty else { return }
        disk.verifyAndWrite(waiting)
        waiting.removeAll(keepingCapacity: true)
        bytes = 0
    }
}
