package import Store
package import Torrent

/// What happened to the trackers of a .torrent or a magnet link whose torrent is already in the database.
///
/// New trackers of a public torrent are added. A private torrent keeps its own trackers, because another tracker would
/// bring in peers from another swarm (BEP 27).
package struct TrackerNews {
    /// The number of trackers that were added; ``leftOut`` counts the new trackers that were not added.
    package let added: Int
    package let leftOut: Int
    private let isPrivate: Bool

    /// Adds the new trackers to the torrent of `row`, and notifies a running engine.
    init(adding metainfo: Metainfo, to row: TorrentRow, _ connection: Connection) throws(StoreError) {
        try self.init(
            adding: metainfo.trackers, isPrivate: row.isPrivate || metainfo.isPrivate, to: row, connection)
    }

    /// Adds the new trackers of these tiers.
    init(adding tiers: [[String]], isPrivate: Bool, to row: TorrentRow, _ connection: Connection) throws(StoreError) {
        let news = try Self.unknown(tiers, row, connection)
        self.isPrivate = isPrivate
        added = isPrivate || news.isEmpty ? 0 : try connection.trackers.add(row.id, tiers: news, now: .now()).count
        leftOut = news.joined().count - added
        if added > 0 { try connection.intents.append(.trackers, torrent: row.id, now: .now()) }
    }

    /// The tiers of trackers that the database doesn't have. Different spellings of a URL count as the same tracker.
    private static func unknown(_ tiers: [[String]], _ row: TorrentRow, _ connection: Connection) throws(StoreError)
        -> [[String]]
    {
        var known = Set(try connection.trackers.rows(of: row.id).map { TrackerIdentity.of($0.url) })
        return tiers.map { tier in tier.filter { known.insert(TrackerIdentity.of($0)).inserted } }.filter {
            !$0.isEmpty
        }
    }

    /// The number of trackers in the .torrent that the database doesn't have, for commands that change nothing.
    package static func count(_ metainfo: Metainfo, _ row: TorrentRow, _ connection: Connection) throws(StoreError)
        -> Int
    {
        try unknown(metainfo.trackers, row, connection).joined().count
    }

    /// A sentence for the user; `nil` if the .torrent has no new trackers.
    package var sentence: String? {
        var parts: [String] = []
        if added > 0 { parts.append("added \(Format.count(added, "new tracker"))") }
        if leftOut > 0, isPrivate {
            parts.append(
                "\(Format.count(leftOut, "new tracker")) not added because the torrent is private: to use them, `pieces remove` it "
                    + "and add this .torrent; its files stay")
        } else if leftOut > 0 {
            parts.append(
                "\(Format.count(leftOut, "new tracker")) not added: a torrent can have at most \(TrackerTable.limit)"
            )
        }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }
}

extension Metainfo {
    /// A warning if a .torrent names trackers but none of them can be used; `nil` otherwise.
    package var trackerWarning: String? {
        guard trackers.isEmpty, let first = unused.first(where: { $0.key.hasPrefix("announce") }) else { return nil }
        return
            "\(name): none of the trackers in the .torrent can be used (“\(first.text)”: \(first.reason)); see `pieces show`"
    }
}
