import Torrent

extension TorrentTable {
    /// The fewest digits that are accepted as the beginning of an info hash.
    package static let hashPrefixDigits = 4
    /// The number of candidates that the error for an ambiguous name lists.
    private static let namedCandidates = 8

    /// Finds a torrent by a magnet link, by its exact number, by the beginning of its hexadecimal info hash, by its
    /// exact name, by a glob that matches its name, or by the beginning of its name, in this order.
    ///
    /// Throws `notFound`, or `ambiguous` with the candidates.
    package func find(_ text: String) throws(StoreError) -> TorrentRow {
        let found = try candidates(text)
        guard found.count > 1 else { return found[0] }
        throw ambiguous(text, found)
    }

    /// Finds torrents like ``find(_:)``, except that a glob may match several; they are ordered by number.
    package func findAll(_ text: String) throws(StoreError) -> [TorrentRow] {
        let found = try candidates(text)
        guard found.count > 1, !Self.isGlob(text) || found.contains(where: { $0.name.hasPrefix(text) }) else {
            return found
        }
        throw ambiguous(text, found)
    }

    /// At most `limit` names of torrents that begin with the text, in the order of their numbers.
    package func names(beginning text: String, limit: Int) throws(StoreError) -> [String] {
        try db.values(
            "SELECT DISTINCT name FROM torrent WHERE substr(name, 1, length(?)) = ? ORDER BY id LIMIT ?", text, text,
            limit)
    }

    /// At most `limit` numbers of torrents that begin with these digits, in their order; none for a text that is no
    /// number.
    package func numbers(beginning digits: String, limit: Int) throws(StoreError) -> [TorrentID] {
        guard let first = Int64(digits), first > 0, "\(first)" == digits else { return [] }
        var found: [TorrentID] = []
        // The numbers of each length are one range of the primary key.
        var (low, count) = (first, Int64(1))
        while found.count < limit {
            let ids: [Int64] = try db.values(
                "SELECT id FROM torrent WHERE id >= ? AND id < ? ORDER BY id LIMIT ?", low, low + count,
                limit - found.count)
            found += ids.map { TorrentID($0) }
            guard count < 1_000_000_000, low < Int64.max / 20 else { break }
            (low, count) = (low * 10, count * 10)
        }
        return found
    }

    /// The torrents that the text may mean; never empty.
    private func candidates(_ text: String) throws(StoreError) -> [TorrentRow] {
        if MagnetLink.isLink(text) { return [try named(by: text)] }
        if let number = Int64(text), let torrent = try row(TorrentID(number)) { return [torrent] }
        var found = try rows(hashPrefix: text)
        if found.isEmpty { found = try rows(named: text) }
        if found.isEmpty, Self.isGlob(text) { found = try rows(matching: text) }
        if found.isEmpty { found = try rows(beginning: text) }
        guard found.isEmpty else { return found }
        throw StoreError(
            .notFound, path: "",
            "no torrent matches “\(text)” (number, name, or at least \(Self.hashPrefixDigits) digits of the info hash); "
                + "see `pieces status`")
    }

    /// The torrent that the magnet link names.
    private func named(by link: String) throws(StoreError) -> TorrentRow {
        let magnet: MagnetLink
        do throws(MagnetLinkError) { magnet = try MagnetLink(link) } catch {
            throw StoreError(.notFound, path: "", "\(error)")
        }
        if let torrent = try row(magnet.infoHash) { return torrent }
        throw StoreError(
            .notFound, path: "",
            "the torrent of this magnet link (\(magnet.infoHash)) is not in the database: add it with `pieces add`")
    }

    private func ambiguous(_ text: String, _ found: [TorrentRow]) -> StoreError {
        let names = found.prefix(Self.namedCandidates).map {
            "\($0.id) (\($0.infoHash.description.prefix(12)) \($0.name))"
        }
        let rest = found.count > names.count ? " and more" : ""
        return StoreError(
            .ambiguous, path: "",
            "“\(text)” may be \(names.joined(separator: ", "))\(rest): give the number of one of them")
    }

    private static func isGlob(_ text: String) -> Bool { text.contains { "*?[".contains($0) } }

    private func rows(named name: String) throws(StoreError) -> [TorrentRow] {
        try db.fetchAll("FROM torrent AS t WHERE name = ? ORDER BY id LIMIT ?", name, Self.namedCandidates + 1)
    }

    /// The torrents whose names begin with the text, or else those whose names do if letters of ASCII match in either
    /// case. A text of digits is a number that no torrent has, and must not name another torrent by accident.
    private func rows(beginning text: String) throws(StoreError) -> [TorrentRow] {
        guard !text.isEmpty, !text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return [] }
        for collation in ["BINARY", "NOCASE"] {
            let found: [TorrentRow] = try db.fetchAll(
                """
                FROM torrent AS t WHERE substr(name, 1, length(?)) = ? COLLATE \(collation)
                ORDER BY id LIMIT ?
                """, text, text, Self.namedCandidates + 1)
            if !found.isEmpty { return found }
        }
        return []
    }

    private func rows(matching pattern: String) throws(StoreError) -> [TorrentRow] {
        let glob = Glob(pattern)
        return try db.transaction(.deferred) { () throws(StoreError) in
            // The names alone are a small part of the rows.
            let ids: [Int64] = try db.values("SELECT id FROM torrent ORDER BY id")
            let names: [String] = try db.values("SELECT name FROM torrent ORDER BY id")
            var found: [TorrentRow] = []
            for (id, name) in zip(ids, names) where glob.matches(Array(name)) {
                if let torrent = try row(TorrentID(id)) { found.append(torrent) }
            }
            return found
        }
    }

    private func rows(hashPrefix text: String) throws(StoreError) -> [TorrentRow] {
        let digits = InfoHash.byteCount * 2
        guard (Self.hashPrefixDigits...digits).contains(text.utf8.count),
            let lowest = InfoHash(hex: text + String(repeating: "0", count: digits - text.utf8.count)),
            let highest = InfoHash(hex: text + String(repeating: "f", count: digits - text.utf8.count))
        else { return [] }
        return try db.fetchAll(
            "FROM torrent AS t WHERE info_hash BETWEEN ? AND ? ORDER BY id LIMIT ?", lowest, highest,
            Self.namedCandidates + 1)
    }

    /// The output folder with its symbolic links as they were resolved last; `nil` if there is no such torrent.
    package func resolvedOutput(_ id: TorrentID) throws(StoreError) -> String? {
        try db.value("SELECT coalesce(resolved, output) FROM torrent WHERE id = ?", id)
    }
}
