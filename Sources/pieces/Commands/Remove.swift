import ArgumentParser
import Disk
import Engine
import Store

/// `pieces remove`
struct Remove: Command {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove torrents from the database; their files stay unless --delete-data is given.",
        discussion: """
            --delete-data also deletes the torrent's own files, and the folders that become empty. It keeps a file that the \
            torrent neither created nor found to match, and a file that another torrent uses.

            Examples:
              pieces remove 3
              pieces remove debian.iso --delete-data
            """)

    /// How long a running engine is waited for.
    private static let patience = Duration.seconds(10)

    @OptionGroup var arguments: TorrentArguments

    @Flag(help: "Also delete the downloaded files.")
    var deleteData = false

    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws {
        let connection = try global.openToChange()
        let torrents = try connection.findTorrents(arguments.torrents)
        if let holder = try DatabaseLock.holder(database: try global.path) {
            if deleteData { for torrent in torrents { _ = try await look(at: torrent, connection) } }
            try await ask(connection, torrents, holder)
        } else {
            let lock = try DatabaseLock.acquire(database: try global.path, now: .now())
            for torrent in torrents { try await remove(torrent, connection) }
            withExtendedLifetime(lock) {}
        }
    }

    /// Throws for data that can't be reached: it isn't deleted and its torrent isn't forgotten, or the files would
    /// belong to nobody when their disk is back.
    private func look(at torrent: TorrentRow, _ connection: Connection) async throws -> PayloadLook {
        let known = try StoredTorrent(torrent, connection)
        let look = await known.look(try Disk())
        guard !look.reach.isOffline else {
            throw Failure("\(torrent.name.printable) was not removed: \(known.sentence(look))")
        }
        return look
    }

    /// The engine has the files open: it closes them and removes the torrent.
    private func ask(_ connection: Connection, _ torrents: [TorrentRow], _ holder: DatabaseLock.Holder) async throws {
        try connection.transaction { () throws(StoreError) in
            for torrent in torrents {
                try connection.appendIntent(deleteData ? .removeData : .remove, torrent: torrent.id, now: .now())
            }
        }
        let last = try connection.events(limit: 1).first?.id ?? 0
        let end = ContinuousClock.now + Self.patience
        var waiting = torrents
        while !waiting.isEmpty {
            let gone = try waiting.filter { try connection.torrent($0.id) == nil }
            waiting.removeAll { torrent in gone.contains { $0.id == torrent.id } }
            for torrent in gone { tell(torrent) }
            if deleteData { for torrent in gone { try tellKept(of: torrent, since: last, connection) } }
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
    private func remove(_ torrent: TorrentRow, _ connection: Connection) async throws {
        guard deleteData else {
            try connection.removeTorrent(torrent.id, now: .now())
            return tell(torrent)
        }
        let look = try await look(at: torrent, connection)
        let disk = try Disk()
        let custody =
            look.reach == .reachable
            ? try await Custody.look(at: look.payload, of: torrent.id, connection, disk) : Custody()
        try connection.removeTorrent(torrent.id, now: .now())
        // One that never began has nothing to delete.
        guard look.reach == .reachable else { return tell(torrent) }
        let removal = try await disk.removeData(look.payload, own: custody.deletable(in: look.payload.layout))
        tell(torrent, files: removal.removedFiles)
        if let text = removal.keptText(look.payload, custody) {
            try connection.appendEvent(.kept, text, torrent: torrent.id, infoHash: torrent.infoHash, now: .now())
            Terminal.shared.print("  \(text.printable)")
        }
        if let failure = removal.failures.first {
            let others =
                removal.failures.count > 1 ? " (and \(Format.count(removal.failures.count - 1, "other file")))" : ""
            throw Failure(
                "\(torrent.name.printable) was removed, but not all of its files could be deleted: \(failure)\(others)")
        }
    }

    /// The engine writes down what it kept right after it has forgotten the torrent.
    private func tellKept(of torrent: TorrentRow, since last: Int64, _ connection: Connection) throws {
        for event in try connection.events(of: torrent.id, limit: 200) where event.id > last && event.kind == .kept {
            Terminal.shared.print("  \(event.detail.printable)")
        }
    }

    private func tell(_ torrent: TorrentRow, files: Int? = nil) {
        Terminal.shared.print(
            "removed \(torrent.id)  \(torrent.name.printable)\(files.map { ", \(Format.count($0, "file")) deleted" } ?? "")"
        )
    }
}
