import Disk
import Engine
import Store
import Torrent
import Verification

/// Forgetting torrents, with their files or without.
extension Library {
    /// What a removal reports, step by step.
    package enum RemovalStep: Sendable {
        /// The torrent is forgotten; `deletedFiles` is `nil` where none were to be deleted, or an engine did it.
        case removed(TorrentRow, deletedFiles: Int?)
        /// What was left on the disk of the torrent and why, in one sentence.
        case kept(String)
    }

    /// How long a running engine is waited for.
    private static let patience = Duration.seconds(10)

    /// Forgets torrents. Where an engine runs, it does so.
    package func remove(_ names: [String], deletingData: Bool, report: (RemovalStep) -> Void) async throws {
        let torrents = try connection.findTorrents(names)
        if let holder = try DatabaseLock.holder(database: database) {
            if deletingData { for torrent in torrents { _ = try await look(at: torrent) } }
            try await ask(torrents, holder, deletingData, report)
        } else {
            let lock = try DatabaseLock.acquire(database: database, now: .now())
            for torrent in torrents { try await remove(torrent, deletingData, report) }
            withExtendedLifetime(lock) {}
        }
    }

    /// Throws for data that can't be reached: it isn't deleted and its torrent isn't forgotten, or the files would
    /// belong to nobody when their disk is back.
    private func look(at torrent: TorrentRow) async throws -> PayloadLook {
        let known = try StoredTorrent(torrent, connection)
        let look = await known.look(try Disk())
        guard !look.reach.isOffline else {
            throw Failure("\(torrent.name.printable) was not removed: \(known.sentence(look))")
        }
        return look
    }

    /// The engine has the files open: it closes them and removes the torrent.
    private func ask(
        _ torrents: [TorrentRow], _ holder: DatabaseLock.Holder, _ deletingData: Bool, _ report: (RemovalStep) -> Void
    ) async throws {
        try connection.transaction { () throws(StoreError) in
            for torrent in torrents {
                try connection.appendIntent(deletingData ? .removeData : .remove, torrent: torrent.id, now: .now())
            }
        }
        let last = try connection.events(limit: 1).first?.id ?? 0
        let end = ContinuousClock.now + Self.patience
        var waiting = torrents
        while !waiting.isEmpty {
            let gone = try waiting.filter { try connection.torrent($0.id) == nil }
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

    /// Forgotten first, deleted after: the database never claims what is not there.
    private func remove(_ torrent: TorrentRow, _ deletingData: Bool, _ report: (RemovalStep) -> Void) async throws {
        guard deletingData else {
            try connection.removeTorrent(torrent.id, now: .now())
            return report(.removed(torrent, deletedFiles: nil))
        }
        let look = try await look(at: torrent)
        let disk = try Disk()
        let custody =
            look.reach == .reachable
            ? try await Custody.look(at: look.payload, of: torrent.id, connection, disk) : Custody()
        try connection.removeTorrent(torrent.id, now: .now())
        // One that never began has nothing to delete.
        guard look.reach == .reachable else { return report(.removed(torrent, deletedFiles: nil)) }
        let (removal, kept) = try await custody.deleteData(of: look.payload, on: disk)
        report(.removed(torrent, deletedFiles: removal.removedFiles))
        if let kept {
            try connection.appendEvent(.kept, kept, torrent: torrent.id, infoHash: torrent.infoHash, now: .now())
            report(.kept(kept))
        }
        if let failure = removal.failures.first {
            let others =
                removal.failures.count > 1 ? " (and \(Format.count(removal.failures.count - 1, "other file")))" : ""
            throw Failure(
                "\(torrent.name.printable) was removed, but not all of its files could be deleted: \(failure)\(others)")
        }
    }

    /// The engine writes down what it kept right after it has forgotten the torrent.
    private func reportKept(of torrent: TorrentRow, since last: Int64, _ report: (RemovalStep) -> Void) throws {
        for event in try connection.events(of: torrent.id, limit: 200) where event.id > last && event.kind == .kept {
            report(.kept(event.detail))
        }
    }
}
