import Disk
package import Store
import Synchronization
package import SystemPackage
import Torrent

/// Verifies torrents, small ones in parallel and large ones one after the other, and records the findings every few
/// seconds. Devices are read side by side.
package struct VerificationRun {
    /// A torrent to verify.
    package struct Order {
        package let row: TorrentRow
        package let scope: VerificationScope
        /// When this verification began: pieces that were confirmed since then need not be checked again.
        var began: VerificationMemory.Entry
        /// Whether all pieces are hashed, even those that were confirmed before.
        var isAnew = false
        /// See ``VerificationTask/isRelocated``.
        var isRelocated = false
        /// Whether the SHA-256 of whole files is computed in the same pass.
        package var computesDigests = false
        /// Whether another process was verifying the torrent when its turn came.
        var isBehind = false

        package init(
            row: TorrentRow, scope: VerificationScope, began: VerificationMemory.Entry, isAnew: Bool = false,
            isRelocated: Bool = false
        ) {
            self.row = row
            self.scope = scope
            self.began = began
            self.isAnew = isAnew
            self.isRelocated = isRelocated
        }
    }

    /// The result over all torrents.
    package struct Summary: Sendable {
        package var torrents = 0
        package var bytes: Int64 = 0
        package var time = Duration.zero
        package var damaged = 0
        /// Whether pieces are to be downloaded again, and whether there are some that another program changed, which
        /// are kept.
        package var lacksPieces = false
        package var keepsEdits = false
        /// Torrents that could not be verified, including the offline ones.
        package var failed = 0
        package var offline = 0
        package var isInterrupted = false
        /// Torrents that were not adopted because some of their payload isn't good.
        package var notAdopted = 0
        /// Whether pieces were skipped because an earlier or a concurrent verification had confirmed them.
        package var wasVerifiedBefore = false
    }

    private enum News: Sendable {
        case found(Finding)
        case ended(TorrentID, bytes: Int64, lane: DiskLanes.Lane)
    }

    /// The torrents of one lane that wait, and how many are being read.
    private struct Queue {
        var rest: ArraySlice<Order>
        var running = 0
        var bytesRunning: Int64 = 0
        let disk: Disk
    }

    /// The most torrents of a lane that are hashed in parallel, and the most bytes of them. A large torrent is read
    /// alone, which suits disks.
    private static let maximumAtOnce = 16
    private static let bytesAtOnce: Int64 = 64 << 20
    private static let writeInterval = Duration.seconds(2)
    /// The most findings that wait to be written.
    private static let maximumWaiting = 1000
    /// The interval of checks whether another process has finished a torrent.
    private static let pause = Duration.milliseconds(200)

    private let connection: Connection
    private let database: FilePath
    private let cancel: CancelToken
    private let bytes = ByteCounter()
    private let report: @Sendable (VerificationEvent) -> Void
    /// Whether a torrent is still to be verified when its turn comes.
    private let isNeeded: (TorrentRow) throws(StoreError) -> Bool
    private let pace: VerificationPace?

    /// `database` is the file beside which verifications lock torrents. Several threads call `report`.
    package init(
        connection: Connection, database: FilePath, stop: VerificationStop, pace: VerificationPace? = nil,
        isNeeded: @escaping (TorrentRow) throws(StoreError) -> Bool = { _ in true },
        report: @escaping @Sendable (VerificationEvent) -> Void
    ) {
        self.connection = connection
        self.database = database
        self.isNeeded = isNeeded
        self.pace = pace
        cancel = stop.token
        self.report = { [bytes] event in
            if case .read(let count) = event { bytes.add(count) }
            report(event)
        }
    }

    /// Torrents that another process verifies wait until it has finished: pieces that it confirmed are not read again.
    package func perform(_ orders: [Order]) async throws -> Summary {
        let started = ContinuousClock.now
        let lock = VerificationLock(database: database)
        var summary = Summary()
        var rest = orders
        while !rest.isEmpty, !cancel.isCancelled {
            let held = try await perform(rest, lock, &summary)
            rest = try await wait(for: held, lock)
        }
        summary.isInterrupted = summary.isInterrupted || cancel.isCancelled
        summary.bytes = bytes.total
        summary.time = .now - started
        return summary
    }

    /// Verifies the torrents. Returns the orders of those that another process is verifying.
    private func perform(_ orders: [Order], _ lock: VerificationLock, _ summary: inout Summary) async throws -> [Order]
    {
        var queues: [DiskLanes.Lane: Queue] = [:]
        var lanes = DiskLanes(connection)
        for (lane, orders) in Dictionary(grouping: orders, by: { lanes.lane(of: $0.row) }) {
            queues[lane] = Queue(rest: orders[...], disk: try Disk())
            pace?.expect(
                orders.reduce(0) { $0 + VerificationTask.estimate($1.row, $1.scope) }, on: lane)
        }
        let (news, sink) = AsyncStream<News>.makeStream()
        let keys = Dictionary(orders.compactMap { order in order.began.ownKey.map { (order.row.id, $0) } }) {
            first, _ in first
        }
        let writer = FindingsWriter(connection: connection, database: database)
        var held: [Order] = []
        var ended: [TorrentID] = []
        var waiting: [Finding] = []
        var written = ContinuousClock.now

        /// Starts as many torrents as may run. Returns whether any is running.
        func startMore() throws -> Bool {
            for lane in queues.keys { try startMore(in: lane) }
            return queues.values.contains { $0.running > 0 }
        }

        func startMore(in lane: DiskLanes.Lane) throws {
            while let queue = queues[lane], let order = queue.rest.first,
                queue.running == 0 || (queue.running < Self.maximumAtOnce && queue.bytesRunning < Self.bytesAtOnce),
                !cancel.isCancelled
            {
                queues[lane]?.rest = queue.rest.dropFirst()
                guard try isNeeded(order.row) else {
                    let bytes = VerificationTask.estimate(order.row, order.scope)
                    report(.expects(bytes: -bytes))
                    pace?.expect(-bytes, on: lane)
                    continue
                }
                guard lock.take(order.row.id) else {
                    if !order.isBehind { report(.waits(for: order.row, process: lock.holder(of: order.row.id))) }
                    held.append(order.isBehind ? order : try behind(order))
                    continue
                }
                guard let task = try load(order, &summary) else {
                    lock.release(order.row.id)
                    continue
                }
                let bytes = VerificationTask.estimate(order.row, order.scope)
                queues[lane]?.running += 1
                queues[lane]?.bytesRunning += bytes
                let disk = queue.disk
                let check = TorrentCheck(task: task, disk: disk, cancel: cancel) { [pace, report] event in
                    switch event {
                    case .expects(let bytes): pace?.expect(bytes, on: lane)
                    case .read(let bytes): pace?.read(bytes, on: lane)
                    case .begins, .waits, .unusable, .verified: break
                    }
                    report(event)
                }
                Task {
                    await check.run { sink.yield(.found($0)) }
                    disk.release(task.torrent.row.infoHash)
                    sink.yield(.ended(task.torrent.row.id, bytes: bytes, lane: lane))
                }
            }
        }

        /// Releases verified torrents once their findings are written, so that another process may take them.
        func write() throws {
            try writer.write(waiting) { keys[$0] }
            waiting = []
            written = .now
            for id in ended { lock.release(id) }
            ended = []
        }

        var isRunning = try startMore()
        var stream = news.makeAsyncIterator()
        while isRunning, let message = await stream.next() {
            switch message {
            case .found(let finding):
                waiting.append(finding)
                if let result = finding.result { take(result, &summary) }
            case .ended(let id, let bytes, let lane):
                ended.append(id)
                queues[lane]?.running -= 1
                queues[lane]?.bytesRunning -= bytes
                isRunning = try startMore()
            }
            if .now - written > Self.writeInterval || waiting.count >= Self.maximumWaiting { try write() }
        }
        try write()
        return held
    }

    /// The order, adjusted to run after the other process.
    private func behind(_ order: Order) throws -> Order {
        var order = order
        order.isBehind = true
        if !order.isAnew {
            order.began = try VerificationMemory(connection: connection).behind(
                order.began, of: order.row.id, now: .now())
        }
        return order
    }

    /// Returns when another process has finished one of the torrents, or this one is to end.
    private func wait(for orders: [Order], _ lock: VerificationLock) async throws -> [Order] {
        while !orders.isEmpty, !cancel.isCancelled, orders.allSatisfy({ lock.holder(of: $0.row.id) != nil }) {
            try await Task.sleep(for: Self.pause)
        }
        return orders
    }

    /// The task; `nil` when the torrent can't be read from the database, which is reported.
    private func load(_ order: Order, _ summary: inout Summary) throws -> VerificationTask? {
        do {
            if let move = try connection.moves.row(order.row.id), move.isHeld {
                throw UnusableTorrent("\(order.row.name.printable) can't be verified: \(move.sentence)")
            }
            // Read again, because another process may have recorded findings while this one waited.
            let torrent = try StoredTorrent(try connection.torrents.row(order.row.id) ?? order.row, connection)
            var confirmed = Bitfield(count: torrent.have.count)
            if order.began.isResumed {
                for page in try connection.pieces.oldestPages(of: order.row.id, limit: .max)
                where page.verifiedAt > order.began.at {
                    for piece in page.pieces where torrent.have[piece] { confirmed.insert(piece) }
                }
            }
            return VerificationTask(
                torrent: torrent, scope: order.scope, confirmed: confirmed, isRelocated: order.isRelocated,
                computesDigests: order.computesDigests)
        } catch let error as UnusableTorrent {
            report(.unusable(error))
            summary.failed += 1
            return nil
        }
    }

    private func take(_ result: VerificationResult, _ summary: inout Summary) {
        if result.outcome != .nothingThere { summary.torrents += 1 }
        if result.hasDamage {
            summary.damaged += 1
            if result.edited > 0 { summary.keepsEdits = true }
            if result.edited < max(result.damaged, result.bad + result.missing) { summary.lacksPieces = true }
        }
        if result.confirmedBefore > 0 { summary.wasVerifiedBefore = true }
        switch result.outcome {
        case .offline:
            summary.failed += 1
            summary.offline += 1
        case .failed: summary.failed += 1
        case .verified, .nothingThere, .interrupted: break
        }
        report(.verified(result))
    }

    /// The number of bytes read, added up on the threads that read them.
    private final class ByteCounter: Sendable {
        private let bytes = Atomic<Int64>(0)

        var total: Int64 { bytes.load(ordering: .relaxed) }
        func add(_ count: Int64) { bytes.wrappingAdd(count, ordering: .relaxed) }
    }
}
