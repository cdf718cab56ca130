import Disk
import NIOCore
import Torrent

/// Collects complete pieces of all torrents for the disk. Pieces wait briefly for each other, because hashing many
/// costs no more than hashing few.
///
/// `@unchecked Sendable`: it is confined to the event loop that all torrents share.
final class VerificationQueue: @unchecked Sendable {
    /// How long a piece waits for others; little compared with the time of its download.
    private static let patience = TimeAmount.milliseconds(40)
    /// How long a piece waits if the lanes will soon be full. A step costs the same when some lanes are empty.
    private static let longPatience = TimeAmount.milliseconds(90)
    private static let promising = Disk.lanes / 3
    /// The most bytes that wait, however few the pieces are.
    private static let maximumBytes = 16 << 20

    private let disk: Disk
    private let loop: any EventLoop
    private var waiting: [Disk.PieceJob] = []
    private var bytes = 0
    /// When the oldest waiting piece was added.
    private var since = NIODeadline.now()
    private var isScheduled = false

    init(disk: Disk, loop: any EventLoop) {
        self.disk = disk
        self.loop = loop
    }

    /// Hashes the piece and, if it passes, writes it: soon, or at once if it is awaited. `completion` is called on a
    /// thread of the disk.
    func add(_ write: PieceWrite, isAwaited: Bool, completion: @escaping @Sendable (PieceIndex, PieceOutcome) -> Void) {
        loop.assertInEventLoop()
        if waiting.isEmpty { since = .now() }
        waiting.append(Disk.PieceJob(write: write, completion: completion))
        bytes += write.buffer.length
        if isAwaited || waiting.count >= Disk.lanes || bytes >= Self.maximumBytes {
            flush()
        } else if !isScheduled {
            look(at: since + Self.patience)
        }
    }

    private func look(at deadline: NIODeadline) {
        isScheduled = true
        loop.scheduleTask(deadline: deadline) {
            self.isScheduled = false
            self.look()
        }
    }

    private func look() {
        guard !waiting.isEmpty else { return }
        // The piece that this check was scheduled for may have left with a full batch.
        let end = since + (waiting.count >= Self.promising ? Self.longPatience : Self.patience)
        if end <= .now() { flush() } else { look(at: end) }
    }

    private func flush() {
        guard !waiting.isEmpty else { return }
        disk.verifyAndWrite(waiting)
        waiting.removeAll(keepingCapacity: true)
        bytes = 0
    }
}
