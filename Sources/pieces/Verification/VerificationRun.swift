import Disk
import Store
import SystemPackage
import Torrent

/// Verifies torrents, small ones side by side and large ones one after the other, and writes down what is found every few seconds.
struct VerificationRun {
    /// What is to be verified.
    struct Order {
        let row: TorrentRow
        let scope: VerificationScope
        /// Where it is remembered when this verification began, and since when what was confirmed need not be looked at again.
        let began: VerificationMemory.Entry
    }

    /// What came of all torrents together.
    struct Summary {
        var torrents = 0
        var bytes: Int64 = 0
        var time = Duration.zero
        var damaged = 0
        var failed = 0
        var isInterrupted = false

        var status: ExitStatus {
            if isInterrupted { return .interrupted }
            if damaged > 0 { return .incomplete }
            return failed > 0 ? .failed : .done
        }
    }

    private enum News: Sendable {
        case found(Finding)
        case ended(bytes: Int64)
    }

    /// Torrents that are hashed side by side, and bytes of them: a large one reads alone, which disks like.
    private static let maximumAtOnce = 16
    private static let bytesAtOnce: Int64 = 64 << 20
    private static let writeInterval = Duration.seconds(2)
    /// Findings that wait to be written.
    private static let maximumWaiting = 1000

    let connection: Connection
    let database: FilePath
    let meter: Meter
    let cancel: CancelToken
    let report: any VerificationReport

    func perform(_ orders: [Order]) async throws -> Summary {
        let disk = try Disk()
        let (news, sink) = AsyncStream<News>.makeStream()
        let keys = Dictionary(orders.compactMap { order in order.began.ownKey.map { (order.row.id, $0) } }) { first, _ in first }
        let writer = FindingsWriter(connection: connection, database: database)
        var summary = Summary()
        var rest = orders[...]
        var running = 0
        var bytesRunning: Int64 = 0
        var waiting: [Finding] = []
        var written = ContinuousClock.now

        /// Begins as many as may run; whether any runs then.
        func startMore() throws -> Bool {
            while let order = rest.first, running == 0 || (running < Self.maximumAtOnce && bytesRunning < Self.bytesAtOnce), !cancel.isCancelled {
                rest = rest.dropFirst()
                guard let task = try load(order, &summary) else { continue }
                let bytes = VerificationTask.estimate(order.row, order.scope)
                running += 1
                bytesRunning += bytes
                let check = TorrentCheck(task: task, disk: disk, cancel: cancel, meter: meter)
                Task {
                    await check.run { sink.yield(.found($0)) }
                    disk.release(task.torrent.row.infoHash)
                    sink.yield(.ended(bytes: bytes))
                }
            }
            return running > 0
        }

        var isRunning = try startMore()
        var stream = news.makeAsyncIterator()
        while isRunning, let message = await stream.next() {
            switch message {
            case .found(let finding):
                waiting.append(finding)
                if let result = finding.result { take(result, &summary) }
            case .ended(let bytes):
                running -= 1
                bytesRunning -= bytes
                isRunning = try startMore()
            }
            if .now - written > Self.writeInterval || waiting.count >= Self.maximumWaiting {
                try writer.write(waiting) { keys[$0] }
                waiting = []
                written = .now
            }
        }
        try writer.write(waiting) { keys[$0] }
        summary.isInterrupted = summary.isInterrupted || cancel.isCancelled
        summary.bytes = meter.done
        summary.time = meter.elapsed
        return summary
    }

    /// `nil` when the torrent can't be read from the database, which is told.
    private func load(_ order: Order, _ summary: inout Summary) throws -> VerificationTask? {
        do {
            let torrent = try StoredTorrent(order.row, connection)
            var confirmed = Bitfield(count: torrent.have.count)
            if order.began.isResumed {
                for page in try connection.oldestPages(of: order.row.id, limit: .max) where page.verifiedAt > order.began.at {
                    for piece in page.pieces where torrent.have[piece] { confirmed.insert(piece) }
                }
            }
            return VerificationTask(torrent: torrent, scope: order.scope, confirmed: confirmed)
        } catch let error as Failure {
            Terminal.shared.complain(error.description)
            summary.failed += 1
            return nil
        }
    }

    private func take(_ result: VerificationResult, _ summary: inout Summary) {
        if result.outcome != .nothingThere { summary.torrents += 1 }
        if result.hasDamage { summary.damaged += 1 }
        if case .failed = result.outcome { summary.failed += 1 }
        report.verified(result)
    }
}
