/// How the names in a .torrent become the names of files, apart from what ``SafePath`` changes under either rule.
package enum NameRule: Hashable, Sendable {
    /// The bytes are the name.
    case bytes
    /// The rule of schemas 1 to 3, under which torrents may have files on the disk: a name that isn't UTF-8 was read as Windows-1252, and a name
    /// that differs from an earlier one in Unicode normalization alone was numbered.
    case first
}

extension Metainfo {
    /// The same .torrent under ``NameRule/first``, and the first file that is found at another path then; `nil` when all paths are the same.
    package var underFirstRule: (metainfo: Metainfo, file: Int)? {
        guard layout.mayHaveFirstNames else { return nil }
        // It was read before, so that it can be read again.
        guard let first = try? Metainfo(torrentFile: file, names: .first) else { return nil }
        let pairs = zip(layout.files, first.layout.files)
        guard let file = pairs.first(where: { !PathText.isSame($0.displayPath, $1.displayPath) })?.0.index else { return nil }
        return (first, file)
    }
}
