import Disk
import Engine
import Recovery
package import Store
import Torrent
import Verification

/// Removes torrents, with or without their files.
extension Library {
    /// A step of a removal.
    package enum RemovalStep: Sendable {
        /// The torrent was removed. `deletedFiles` is `nil` if no files were to be deleted, or if an engine deleted
        /// them.
        case removed(TorrentRow, deletedFiles: Int?)
        /// Data of the torrent was left on the disk; one sentence names the data and the reason.
        case kept(TorrentRow, String)
    }

    /// The maximum time to wait for a running engine.
    private static let patience = Duration.seconds(10)

    /// What the removal of a torrent would do.
    package struct RemovalPlan: Sendable {
        package let torrent: TorrentRow
        /// The paths of the files that would be deleted; `nil` if no files were to be deleted.
        package let deletedFiles: [String]?
        /// One sentence on the files that would be kept, and why.
        package let kept: String?
    }

    /// Plans a removal without changing anything.
    package func planRemoval(of choice: TorrentChoice, deletingData: Bool) async throws -> [RemovalPlan] {
        var plans: [RemovalPlan] = []
        for torrent in try connection.findTorrents(choice) {
            let hasFiles = deletingData && torrent.hasMetadata
            plans.append(
                try await hasFiles ? plan(torrent) : RemovalPlan(torrent: torrent, deletedFiles: nil, kept: nil))
        }
        return plans
    }

    private func plan(_ torrent: TorrentRow) async throws -> RemovalPlan {
        let look = try await look(at: torrent)
        guard look.reach == .reachable else { return RemovalPlan(torrent: torrent, deletedFiles: [], kept: nil) }
        let custody = try await Custody.look(at: look.payload, of: torrent.id, connection, try Disk())
        let (deleted, kept) = custody.deletion(of: look.payload)
        return RemovalPlan(torrent: torrent, deletedFiles: deleted, kept: kept)
    }

    /// Removes torrents. If an engine is running, the engine removes them.
    package func remove(_ choice: TorrentChoice, deletingData: Bool, report: (RemovalStep) -> Void) async throws {
        let torrents = try connection.findTorrents(choice)
        for torrent in torrents { try requireNoMove(of: torrent) }
        if let holder = try DatabaseLock.holder(database: database) {
            if deletingData { for torrent in torrents where torrent.hasMetadata { _ = try await look(at: torrent) } }
            try await ask(torrents, holder, deletingData, report)
        } else {
            let lock = try DatabaseLock.acquire(database: database, now: .now())
            for torrent in torrents { try await remove(torrent, deletingData, report) }
            withExtendedLifetime(lock) {}
        }
    }

    /// Throws if the data can't be reached. The torrent is then kept, because otherwise its files would belong to no
    /// torrent when their disk is back.
    private func look(at torrent: TorrentRow) async throws -> PayloadLook {
        let known = try StoredTorrent(torrent, connection)
        let look = await known.look(try Disk())
        guard !look.reach.isOffline else {
            throw Failure("\(torrent.name.printable) was not removed: \(known.sentence(look))")
        }
        guard !torrent.settings.isReadOnly else {
            throw Failure(
                "\(torrent.name.printable) was not removed: it is read-only; remove it without its data, or allow changes with "
                    + "`pieces limit \(torrent.id) --read-only off`")
        }
        return look
    }

    /// Asks the engine to remove the torrents, because the engine has their files open and must close them.
    private func ask(
        _ torrents: [TorrentRow], _ holder: DatabaseLock.Holder, _ deletingData: Bool, _ report: (RemovalStep) -> Void
    ) async throws {
        try connection.transaction { () throws(StoreError) in
            for torrent in torrents {
                try connection.intents.append(deletingData ? .removeData : .remove, torrent: torrent.id, now: .now())
            }
        }
        let last = try connection.events.rows(limit: 1).first?.id ?? 0
        let end = ContinuousClock.now + Self.patience
        var waiting = torrents
        while !waiting.isEmpty {
            let gone = try waiting.filter { try connection.torrents.row($0.id) == nil }
            waiting.removeAll { torrent in gone.contains { $0.id == torrent.id } }
            for torrent in gone { report(.removed(torrent, deletedFiles: nil)) }
            if deletingData { for torrent in gone { try reportKept(of: torrent, since: last, report) } }
            guard !waiting.isEmpty else { return }
            guard .now < end else {
                let process = holder.pid.map { " (process \($0))" } ?? ""
                throw Failure(
                    "\(waiting[0].name.printable) is not removed yet: the engine\(process) has the request but has not answered; see `pieces status`"
                )
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Deletes the torrent's claims, then its files, then the torrent: the database never claims missing data, and
    /// after a crash it still knows of which torrent the remaining files are. The next engine then ends the removal.
    private func remove(_ torrent: TorrentRow, _ deletingData: Bool, _ report: (RemovalStep) -> Void) async throws {
        let id = torrent.id
        guard deletingData, torrent.hasMetadata else {
            try connection.torrents.remove(id, now: .now())
            return report(.removed(torrent, deletedFiles: nil))
        }
        let look = try await look(at: torrent)
        // A torrent that never started has nothing to delete.
        guard look.reach == .reachable else {
            try connection.torrents.remove(id, now: .now())
            return report(.removed(torrent, deletedFiles: nil))
        }
        let disk = try Disk()
        let custody = try await Custody.look(at: look.payload, of: id, connection, disk)
        try connection.intents.append(.removeData, torrent: id, now: .now())
        let (removal, kept): (Removal, String?)
        do {
            try connection.pieces.unverify(id)
            (removal, kept) = try await custody.deleteData(of: look.payload, on: disk)
        } catch {
            try connection.intents.endRemoval(of: id)
            throw error
        }
        try connection.transaction { () throws(StoreError) in
            try connection.torrents.remove(id, now: .now())
            if let kept {
                try connection.events.append(.kept, kept, torrent: id, infoHash: torrent.infoHash, now: .now())
            }
        }
        report(.removed(torrent, deletedFiles: removal.removedFiles))
        if let kept { report(.kept(torrent, kept)) }
        if let failure = removal.failures.first {
            let others =
                removal.failures.count > 1 ? " (and \(Format.count(removal.failures.count - 1, "other file")))" : ""
            throw Failure(
                "\(torrent.name.printable) was removed, but not all of its files could be deleted: \(failure)\(others)")
        }
    }

    /// Reports the files that the engine kept; the engine logs them as it removes the torrent.
    private func reportKept(of torrent: TorrentRow, since last: Int64, _ report: (RemovalStep) -> Void) throws {
        for event in try connection.events.rows(of: torrent.id, limit: 200) where event.id > last && event.kind == .kept
        {
            report(.kept(torrent, event.detail))
        }
    }
}
