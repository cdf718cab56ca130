import Import
package import Store
import System
import SystemPackage
package import Torrent
package import Verification

/// Takes over the torrents of other clients.
extension Library {
    /// Adds the torrents of the survey that are new. Their payload is unverified until it is hashed; ``hashImported``
    /// does that, or a running engine.
    package func importTorrents(of survey: inout ImportSurvey, stop: VerificationStop = VerificationStop()) throws {
        try ImportRun(library: self).insert(&survey, stop: { stop.isRequested })
    }

    /// The imported torrents whose payload wasn't hashed yet.
    package struct ImportHashing {
        fileprivate let orders: [VerificationRun.Order]
        /// Torrents that a running engine hashes, because it has them in its queue.
        package let leftToEngine: Int
        /// Torrents none of whose files is there.
        package let absent: Int

        package var torrents: Int { orders.count }
        package var totalBytes: Int64 { orders.reduce(0) { $0 + VerificationTask.estimate($1.row, $1.scope) } }
    }

    /// Plans to hash what was imported. A running engine hashes the torrents that aren't paused itself, and uploads
    /// each piece as soon as it is verified.
    package func planImportHashing() throws -> ImportHashing {
        let engine = try engine()
        var rows: [TorrentRow] = []
        var (left, absent) = (0, 0)
        for waiting in try connection.imports.unhashed() {
            guard let row = try connection.torrents.row(waiting.id), row.hasMetadata, row.damage == nil else {
                continue
            }
            guard waiting.rank < ImportItem.Rank.nothing.rawValue || isThere(row) else {
                absent += 1
                continue
            }
            guard row.settings.isPaused || !engine.isRunning else {
                left += 1
                continue
            }
            rows.append(row)
        }
        let began = try VerificationMemory(connection: connection).begin(
            rows.map(\.id), anew: false, now: .now())
        let orders = zip(rows, began).map {
            VerificationRun.Order(row: $0, scope: .everything, began: $1)
        }
        return ImportHashing(orders: orders, leftToEngine: left, absent: absent)
    }

    /// Whether something is at the torrent's root.
    private func isThere(_ row: TorrentRow) -> Bool {
        PathCalls.exists(FilePath(text: NewTorrent.root(named: row.name, in: row.output)))
    }

    /// Hashes what was imported, the likeliest first and all devices side by side. If an engine starts meanwhile, the
    /// rest is left to it.
    package func hash(
        _ plan: ImportHashing, stop: VerificationStop, pace: VerificationPace,
        report: @escaping @Sendable (VerificationEvent) -> Void
    ) async throws -> VerificationRun.Summary {
        let library = self
        let run = VerificationRun(
            connection: connection, database: database, stop: stop, pace: pace,
            isNeeded: { (row) throws(StoreError) in
                guard let waiting = try library.connection.imports.row(row.id), waiting.hashedAt == nil else {
                    return false
                }
                if row.settings.isPaused { return true }
                return try !library.engine().isRunning
            }, report: report)
        return try await run.perform(plan.orders)
    }

    /// What became of the imported torrents.
    package struct ImportReport: Sendable {
        package let sum: ImportSum
        /// Torrents with damage that the other client didn't know of, or with files that are missing; at most
        /// ``shownTorrents`` of them.
        package let damaged: [(torrent: TorrentRow, result: ImportRow)]
        /// Torrents that aren't hashed yet because none of their files is there.
        package let absent: Int
        /// Torrents that aren't hashed yet because their metadata hasn't arrived; at most ``shownTorrents`` of them.
        package let awaited: [TorrentRow]
        package let awaitedCount: Int
        /// When the rest is hashed at the rate until now; `nil` if that isn't known.
        package let end: Timestamp?

        package static let shownTorrents = 100
    }

    /// `nil` if nothing was imported.
    package func importReport(now: Timestamp = .now()) throws(StoreError) -> ImportReport? {
        guard let sum = try connection.imports.sum(), sum.torrents > 0 else { return nil }
        var damaged: [(torrent: TorrentRow, result: ImportRow)] = []
        for row in try connection.imports.withDamage(limit: ImportReport.shownTorrents) {
            if let torrent = try connection.torrents.row(row.id) { damaged.append((torrent, row)) }
        }
        var absent = 0
        var awaited: [TorrentRow] = []
        var awaitedCount = 0
        for waiting in try connection.imports.unhashed() {
            guard let row = try connection.torrents.row(waiting.id), row.damage == nil else { continue }
            if !row.hasMetadata {
                awaitedCount += 1
                if awaited.count < ImportReport.shownTorrents { awaited.append(row) }
            } else if waiting.rank >= ImportItem.Rank.nothing.rawValue, !isThere(row) {
                absent += 1
            }
        }
        return ImportReport(
            sum: sum, damaged: damaged, absent: absent, awaited: awaited, awaitedCount: awaitedCount,
            end: Self.end(sum, now))
    }

    /// The end at the average rate since the last import.
    private static func end(_ sum: ImportSum, _ now: Timestamp) -> Timestamp? {
        guard sum.unhashed > 0, let began = sum.beganAt, let last = sum.lastHashedAt, last > began,
            sum.hashedBytes > 0
        else { return nil }
        let seconds = Double((last - began).components.seconds)
        let left = Double(sum.unhashedBytes) / (Double(sum.hashedBytes) / seconds)
        return left < 1e9 ? now + .seconds(Int64(left)) : nil
    }
}
