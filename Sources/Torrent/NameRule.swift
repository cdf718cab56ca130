/// How names in a .torrent become file names, in addition to the changes that ``SafePath`` makes under both rules.
package enum NameRule: Hashable, Sendable {
    /// The file name has the same bytes as the name in the .torrent.
    case bytes
    /// The rule of the first version, which applies to the files of torrents that it added: a name that isn't UTF-8 was
    /// read as Windows-1252, and a name that differs from an earlier name only in Unicode normalization was numbered.
    case first
}

extension Metainfo {
    /// This .torrent under ``NameRule/first``, and the index of the first file whose path differs; `nil` if no path
    /// differs.
    package var underFirstRule: (metainfo: Metainfo, file: Int)? {
        guard layout.mayHaveFirstNames else { return nil }
        // The rule affects only names, so a file that was read once can be read again.
        guard let first = try? Metainfo(torrentFile: file, names: .first) else { return nil }
        let pairs = zip(layout.files, first.layout.files)
        guard let file = pairs.first(where: { !PathText.isSame($0.displayPath, $1.displayPath) })?.0.index else {
            return nil
        }
        return (first, file)
    }
}
