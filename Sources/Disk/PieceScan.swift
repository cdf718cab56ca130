import Synchronization
import Torrent

/// Reads and hashes pieces in order, one batch of a piece per lane at a time, on all cores.
///
/// Between two batches, other waiting jobs get their turn, writes and reads of the swarm first. If no job waits, the
/// thread continues.
final class PieceScan<Source: ByteSource & SendableMetatype>: Sendable {
    /// The working state of one core. `@unchecked Sendable`: one job at a time holds it and hands it to the next.
    private final class Slot: @unchecked Sendable {
        let hasher = LaneHasher()
        let makeSource: () -> Source
        init(_ makeSource: @escaping () -> Source) { self.makeSource = makeSource }
    }

    private let workers: Workers
    private let geometry: Geometry
    private let cancel: CancelToken
    private let cursor: Mutex<PieceCursor>
    private let busySlots: Mutex<Int>
    private let deliver: @Sendable (LaneHasher) -> Bool
    private let completion: @Sendable () -> Void

    /// `deliver` receives each batch on a disk thread, several of them at once, and returns whether to continue.
    /// `completion` is called after the last batch. A source lives for one batch.
    init(
        _ workers: Workers, _ geometry: Geometry, _ pieces: Bitfield, cancel: CancelToken,
        deliver: @escaping @Sendable (LaneHasher) -> Bool,
        completion: @escaping @Sendable () -> Void
    ) {
        self.workers = workers
        self.geometry = geometry
        self.cancel = cancel
        self.cursor = Mutex(PieceCursor(pieces, geometry))
        self.busySlots = Mutex(0)
        self.deliver = deliver
        self.completion = completion
    }

    /// Begins on `slots` threads at once. `makeSource` is called once per slot and returns the slot's factory of
    /// sources.
    func start(slots: Int, makeSource: () -> () -> Source) {
        busySlots.withLock { $0 = slots }
        for _ in 0..<slots { submit(Slot(makeSource())) }
    }

    private func submit(_ slot: Slot) {
        workers.submit(.verify) { self.step(slot) }
    }

    private func step(_ slot: Slot) {
        while hashNext(slot) {
            if workers.hasWaiting { return submit(slot) }
        }
        cursor.withLock { $0.stop() }
        let isLast = busySlots.withLock { busy in
            busy -= 1
            return busy == 0
        }
        if isLast { completion() }
    }

    /// Hashes and delivers the next batch. Returns whether there may be more.
    private func hashNext(_ slot: Slot) -> Bool {
        let pieces = cancel.isCancelled ? [] : cursor.withLock { $0.next() }
        var source = slot.makeSource()
        return !pieces.isEmpty && slot.hasher.hash(pieces, of: geometry, from: &source, cancel: cancel)
            && deliver(slot.hasher)
    }
}

/// Deals out batches of pieces of equal length, at most one piece per lane.
struct PieceCursor: Sendable {
    private let geometry: Geometry
    private var rest: Bitfield.Pieces?
    /// The torrent's last piece, if it is shorter than the pieces of the batch before it.
    private var shorter: PieceIndex?

    init(_ pieces: Bitfield, _ geometry: Geometry) {
        self.geometry = geometry
        self.rest = pieces.pieces
    }

    /// The next batch; empty at the end.
    mutating func next() -> [PieceIndex] {
        if let piece = shorter {
            shorter = nil
            return [piece]
        }
        var pieces: [PieceIndex] = []
        while pieces.count < LaneHasher.lanes, let piece = rest?.next() {
            if !pieces.isEmpty, geometry.length(of: piece) != geometry.pieceLength {
                shorter = piece
                break
            }
            pieces.append(piece)
        }
        return pieces
    }

    mutating func stop() {
        rest = nil
        shorter = nil
    }
}
