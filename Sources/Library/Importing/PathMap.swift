import Import
import SystemPackage
import Torrent

/// Folders that other clients know under other paths: `--map OLD=NEW`.
package struct PathMap: Sendable {
    /// Pairs of old and new folders, the longest old one first.
    private var pairs: [(old: String, new: String)] = []

    /// Reads `OLD=NEW`. OLD may be a path of another system, such as `D:\Downloads`; NEW is a folder here, and may be
    /// relative to the current one.
    package init(_ texts: [String] = []) throws {
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw Failure.usage("--map needs OLD=NEW, as in --map /downloads=/mnt/big; it got “\(text.printable)”")
            }
            pairs.append((Self.trimmed(parts[0]), try NewFile.absolute(parts[1]).text))
        }
        pairs.sort { $0.old.utf8.count > $1.old.utf8.count }
    }

    /// The path here.
    package func callAsFunction(_ path: String) -> String {
        guard let index = match(path) else { return path }
        let (old, new) = pairs[index]
        // A path of another system has other separators.
        let isOther = old.utf8.first != UInt8(ascii: "/")
        let below = path.utf8.dropFirst(old.utf8.count)
            .map { isOther && $0 == UInt8(ascii: "\\") ? UInt8(ascii: "/") : $0 }
            .drop { $0 == UInt8(ascii: "/") }
        guard !below.isEmpty else { return new }
        return (new == "/" ? "/" : new + "/") + String(decoding: below, as: UTF8.self)
    }

    /// The number of the pair that applies to the path.
    private func match(_ path: String) -> Int? {
        pairs.firstIndex { old, _ in
            guard path.utf8.starts(with: old.utf8) else { return false }
            let rest = path.utf8.dropFirst(old.utf8.count)
            return rest.isEmpty || Self.isSeparator(rest.first) || Self.isSeparator(old.utf8.last)
        }
    }

    /// Which of the maps were of use.
    struct Use {
        private let map: PathMap
        private var used: Set<Int> = []

        init(of map: PathMap) { self.map = map }

        mutating func note(_ torrent: ForeignTorrent) {
            guard used.count < map.pairs.count else { return }
            let paths = [torrent.folder, torrent.ownFolder].compactMap(\.self) + torrent.currentFolders
            for path in paths + torrent.renamed.values { if let index = map.match(path) { used.insert(index) } }
        }

        /// A sentence about each map that no torrent needed.
        var notes: [String] {
            map.pairs.indices.filter { !used.contains($0) }.map { index in
                let (old, new) = map.pairs[index]
                return "--map \(old.printable)=\(new.printable) matches no torrent: no folder in the client's state is "
                    + "\(old.printable) or below it"
            }
        }
    }

    private static func isSeparator(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\") }

    private static func trimmed(_ text: String) -> String {
        var bytes = Array(text.utf8)
        while bytes.count > 1, isSeparator(bytes.last) { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
