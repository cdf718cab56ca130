/// How the names in a .torrent become the names of files, apart from what ``SafePath`` changes under either rule.
package enum NameRule: Hashable, Sendable {
    /// The bytes are the name.
    case bytes
    /// The rule of the first version. Torrents that it added have their files under these names: a name that isn't
    /// UTF-8 was read as Windows-1252, and one that differs from an earlier one in Unicode normalization alone was
    /// numbered.
    case first
}

extension Metainfo {
    /// This .torrent under ``NameRule/first``, and the first file whose path differs; `nil` when no path does.
    package var underFirstRule: (metainfo: Metainfo, file: Int)? {
        guard layout.mayHaveFirstNames else { return nil }
        // The rule decides about names alone, so that what was read once is read again.
        guard let first = try? Metainfo(torrentFile: file, names: .first) else { return nil }
        let pairs = zip(layout.files, first.layout.files)
        guard let file = pairs.first(where: { !PathText.isSame($0.displayPath, $1.displayPath) })?.0.index else {
            return nil
        }
        return (first, file)
    }
}
