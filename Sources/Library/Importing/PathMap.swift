import SystemPackage
import Torrent

/// Folders that other clients know under other paths: `--map OLD=NEW`.
package struct PathMap: Sendable {
    /// Pairs of old and new folders.
    private var pairs: [(old: String, new: String)] = []

    /// Reads `OLD=NEW`. OLD may be a path of another system, such as `D:\Downloads`; NEW is a folder here.
    package init(_ texts: [String] = []) throws {
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw Failure.usage("--map needs OLD=NEW, as in --map /downloads=/mnt/big; it got “\(text.printable)”")
            }
            pairs.append((Self.trimmed(parts[0]), try NewFile.absolute(parts[1]).text))
        }
        // The longest one that fits counts.
        pairs.sort { $0.old.utf8.count > $1.old.utf8.count }
    }

    /// The path here.
    package func callAsFunction(_ path: String) -> String {
        for (old, new) in pairs {
            guard path.utf8.starts(with: old.utf8) else { continue }
            let rest = path.utf8.dropFirst(old.utf8.count)
            guard rest.isEmpty || Self.isSeparator(rest.first) || Self.isSeparator(old.utf8.last) else { continue }
            // A path of another system has other separators.
            let isOther = old.utf8.first != UInt8(ascii: "/")
            let below = rest.map { isOther && $0 == UInt8(ascii: "\\") ? UInt8(ascii: "/") : $0 }
                .drop { $0 == UInt8(ascii: "/") }
            guard !below.isEmpty else { return new }
            return (new == "/" ? "/" : new + "/") + String(decoding: below, as: UTF8.self)
        }
        return path
    }

    private static func isSeparator(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\") }

    private static func trimmed(_ text: String) -> String {
        var bytes = Array(text.utf8)
        while bytes.count > 1, isSeparator(bytes.last) { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
