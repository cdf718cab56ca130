import Torrent

extension TorrentTable {
    /// The fewest digits that are accepted as the beginning of an info hash.
    package static let hashPrefixDigits = 4
    /// The number of candidates that the error for an ambiguous name lists.
    private static let namedCandidates = 8

    /// Finds a torrent by its exact number, by the beginning of its hexadecimal info hash, or by its exact name, in
    /// this order.
    ///
    /// Throws `notFound`, or `ambiguous` with the candidates.
    package func find(_ text: String) throws(StoreError) -> TorrentRow {
        if let number = Int64(text), let torrent = try row(TorrentID(number)) { return torrent }
        for found in [try rows(hashPrefix: text), try rows(named: text)] {
            if found.count == 1 { return found[0] }
            guard found.isEmpty else {
                let names = found.prefix(Self.namedCandidates).map {
                    "\($0.id) (\($0.infoHash.description.prefix(12)) \($0.name))"
                }
                let rest = found.count > names.count ? " and more" : ""
                throw db.fault(
                    .ambiguous,
                    "“\(text)” may be \(names.joined(separator: ", "))\(rest): give the number of one of them"
                )
            }
        }
        throw db.fault(
            .notFound,
            "no torrent matches “\(text)” (number, name, or at least \(Self.hashPrefixDigits) digits of the info hash); "
                + "see `pieces status`")
    }

    private func rows(named name: String) throws(StoreError) -> [TorrentRow] {
        try db.fetchAll("FROM torrent AS t WHERE name = ? ORDER BY id LIMIT ?", name, Self.namedCandidates + 1)
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
}
