import Disk
import NIOCore
import Torrent

/// Complete pieces of all torrents on their way to the disk: they wait for each other a moment, because many are hashed
/// at the price of few.
///
/// `@unchecked Sendable`: it is confined to the event loop that all torrents share.
final class VerificationQueue: @unchecked Sendable {
    /// How long a piece waits for others: little beside what it took to come.
    private static let patience = TimeAmount.milliseconds(40)
    /// How long it waits where so many came meanwhile that the lanes will soon be full: a step costs the same with some
    /// of them empty.
    private static let longPatience = TimeAmount.milliseconds(90)
    private static let promising = Disk.lanes / 3
    /// Bytes that wait, however few the pieces are.
    private static let maximumBytes = 16 << 20

    private let disk: Disk
    private let loop: any EventLoop
    private var waiting: [Disk.PieceJob] = []
    private var bytes = 0
    /// Since when the oldest waits.
    private var since = NIODeadline.now()
    private var isScheduled = false

    init(disk: Disk, loop: any EventLoop) {
        self.disk = disk
        self.loop = loop
    }

    /// Has the piece hashed and, if it is right, written: soon, or at once where it is awaited. `completion` is called
    /// on a thread of the disk's.
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
        // The one that this look was for may have gone with a full batch.
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
