import Engine
package import Store
import System
import SystemPackage
package import Torrent
package import Verification

/// Verifies the data on disk.
extension Library {
    /// The work of one verification.
    package struct VerificationPlan {
        fileprivate var orders: [VerificationRun.Order]
        fileprivate var isOfAll = false

        /// The estimated number of bytes to read.
        package var totalBytes: Int64 { orders.reduce(0) { $0 + VerificationTask.estimate($1.row, $1.scope) } }

        /// The same, computing the SHA-256 of whole files in the same pass.
        package var withDigests: VerificationPlan {
            var plan = self
            for index in plan.orders.indices { plan.orders[index].computesDigests = true }
            return plan
        }
    }

    /// Plans to verify all torrents. With `isAnew`, an interrupted verification is not resumed.
    package func planVerificationOfAll(isAnew: Bool = false) throws(StoreError) -> VerificationPlan {
        let began = try VerificationMemory(connection: connection).beginAll(anew: isAnew, now: .now())
        let orders = try connection.torrents.rows().map {
            VerificationRun.Order(row: $0, scope: .claimed, began: began, isAnew: isAnew)
        }
        return VerificationPlan(orders: orders, isOfAll: true)
    }

    /// Plans to verify torrents. A name may also be the .torrent file of a known torrent; `note` is called if the file
    /// has trackers that the database lacks. For `isRelocated`, see ``VerificationTask/isRelocated``.
    package func planVerification(
        of names: [String], labels: [String] = [], isAnew: Bool = false, isRelocated: Bool = false,
        note: (String) -> Void
    ) async throws -> VerificationPlan {
        var rows: [(row: TorrentRow, scope: VerificationScope)] = []
        for name in names {
            if name.hasSuffix(".torrent"), PathCalls.exists(FilePath(text: name)) {
                rows.append((try await known(name, note), .everything))
            } else {
                rows += try connection.torrents.findAll(name).map { ($0, .claimed) }
            }
        }
        if !labels.isEmpty {
            let labelled = try torrents(labelled: labels)
            let ids = Set(labelled.map(\.id))
            rows = names.isEmpty ? labelled.map { ($0, .claimed) } : rows.filter { ids.contains($0.row.id) }
        }
        return try plan(rows, isAnew: isAnew, isRelocated: isRelocated)
    }

    /// Plans to verify these torrents from end to end, computing the SHA-256 of their files.
    package func planDigests(of torrents: [TorrentRow]) throws(StoreError) -> VerificationPlan {
        try plan(torrents.map { ($0, .claimed) }, isAnew: true, isRelocated: false).withDigests
    }

    /// Adds the torrents and plans to adopt the correct parts of the payload in a folder. `refused` receives the reason
    /// for each torrent that can't be added.
    package func planAdoption(
        of torrents: [Metainfo], in folder: String, isAnew: Bool = false, refused: (String) -> Void
    ) async throws -> VerificationPlan {
        let options = AddOptions(output: try NewFile.absolute(folder).text)
        let entries = try await AddRequest(self, options).add(torrents, refused: refused)
        let rows = try entries.compactMap { try connection.torrents.row($0.id) }
        return try plan(rows.map { ($0, .everything) }, isAnew: isAnew, isRelocated: false)
    }

    private func plan(
        _ torrents: [(row: TorrentRow, scope: VerificationScope)], isAnew: Bool, isRelocated: Bool
    ) throws(StoreError) -> VerificationPlan {
        var seen: Set<TorrentID> = []
        let rows = torrents.filter { seen.insert($0.row.id).inserted }
        // Results from the old disk say nothing about the new one.
        let isAnew = isAnew || isRelocated
        let began = try VerificationMemory(connection: connection).begin(
            rows.map(\.row.id), anew: isAnew, now: .now())
        return VerificationPlan(
            orders: zip(rows, began).map {
                VerificationRun.Order(
                    row: $0.row, scope: $0.scope, began: $1, isAnew: isAnew, isRelocated: isRelocated)
            })
    }

    private func known(_ name: String, _ note: (String) -> Void) async throws -> TorrentRow {
        let metainfo = try await TorrentSource(name).read()
        guard let row = try connection.torrents.row(metainfo.infoHash) else {
            throw Failure.usage(
                "\(metainfo.name.printable) is not in the database: give the folder of its payload with --output")
        }
        let news = try TrackerNews.count(metainfo, row, connection)
        if news > 0, !row.isPrivate {
            note("\(row.name): the .torrent has \(Format.count(news, "new tracker")); `pieces add` it to use them")
        }
        return row
    }

    /// Performs the plan and records the results. `report` is called on several threads.
    package func verify(
        _ plan: VerificationPlan, stop: VerificationStop = VerificationStop(),
        report: @escaping @Sendable (VerificationEvent) -> Void
    ) async throws -> VerificationRun.Summary {
        let run = VerificationRun(connection: connection, database: database, stop: stop, report: report)
        let summary = try await run.perform(plan.orders)
        if plan.isOfAll, !summary.isInterrupted { try VerificationMemory(connection: connection).endAll() }
        return summary
    }

    /// Reads .torrent files whose payload is in the folder.
    package static func readNewcomers(
        _ names: [String], in output: String?, complain: (String) -> Void
    ) async throws -> ReadSources {
        let folder = try NewFile.absolute(output ?? ".")
        guard NewFile.isFolder(folder) else {
            throw Failure("\(folder.text.printable) is no folder: give the one that the payload lies in")
        }
        return await (try names.map { try TorrentSource($0) }).readAll(complain: complain)
    }
}
