package import Torrent

/// The tables `renamed` and `move_name`: files that have other names here than in their metainfo, and those that are
/// getting other names.
package struct RenameTable {
    let db: Connection

    /// The number that stands for the torrent's root.
    private static let root = -1
    /// The most names in the sentence of an event.
    private static let namedFiles = 3

    private struct Name: Row {
        static let columns = "idx, path"
        let index: Int
        let path: String

        init(_ row: Statement) throws(StoreError) {
            index = try row.next()
            path = try row.next()
        }
    }

    /// The other names of a torrent's files.
    package func of(_ id: TorrentID) throws(StoreError) -> Renames { try read("renamed", id) }

    /// While files are renamed, the names that they get; once they have them, the names that they had.
    package func planned(of id: TorrentID) throws(StoreError) -> Renames { try read("move_name", id) }

    /// Records names without a change on the disk: for a torrent that is added, whose files have these names already.
    package func set(_ id: TorrentID, _ renames: Renames) throws(StoreError) { try write("renamed", id, renames) }

    /// Records which names the files of a move get.
    package func plan(_ id: TorrentID, _ renames: Renames) throws(StoreError) { try write("move_name", id, renames) }

    /// Applies the names to the metainfo, whose own names stay in its file.
    package func apply(_ renames: Renames, to metainfo: Metainfo, _ id: TorrentID) throws(StoreError) -> Metainfo {
        do throws(RenameError) { return try metainfo.renamed(renames) } catch {
            throw db.fault(
                .other, torrent: id,
                "the renamed paths of torrent \(id) in the database are damaged (\(error)): restore a backup with "
                    + "`pieces database restore`, or remove the torrent and add it again; its files stay in place")
        }
    }

    /// Makes the planned names the torrent's own, and keeps the old ones as planned. Returns the torrent's name if it
    /// has metadata, and a sentence on the change.
    func exchange(_ id: TorrentID) throws(StoreError) -> (name: String?, sentence: String) {
        let (old, new) = (try of(id), try planned(of: id))
        try set(id, new)
        try plan(id, old)
        var changes: [String] = []
        var name: String?
        if let file = try db.metainfos.file(of: id), let metainfo = try? Metainfo(torrentFile: file) {
            let added = try db.paths.asAdded(metainfo, id)
            let (before, after) = (try apply(old, to: added, id), try apply(new, to: added, id))
            name = after.name
            if !PathText.isSame(before.name, after.name) { changes.append("\(before.name) to \(after.name)") }
            for (file, renamed) in zip(before.layout.files, after.layout.files)
            where !PathText.isSame(file.pathBelowRoot, renamed.pathBelowRoot) {
                changes.append("\(file.pathBelowRoot) to \(renamed.pathBelowRoot)")
            }
        }
        let rest = changes.count > Self.namedFiles ? ", and \(changes.count - Self.namedFiles) more" : ""
        return (name, changes.prefix(Self.namedFiles).joined(separator: ", ") + rest)
    }

    private func read(_ table: String, _ id: TorrentID) throws(StoreError) -> Renames {
        let rows = try db.fetchAll("FROM \(table) WHERE torrent_id = ?", id, as: Name.self)
        var renames = Renames()
        for row in rows {
            if row.index == Self.root { renames.root = row.path } else { renames.files[row.index] = row.path }
        }
        return renames
    }

    private func write(_ table: String, _ id: TorrentID, _ renames: Renames) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            try db.execute("DELETE FROM \(table) WHERE torrent_id = ?", id)
            let insert = "INSERT INTO \(table) (torrent_id, idx, path) VALUES (?, ?, ?)"
            if let root = renames.root { try db.execute(insert, id, Self.root, root) }
            for (index, path) in renames.files.sorted(by: { $0.key < $1.key }) {
                try db.execute(insert, id, index, path)
            }
        }
    }
}
