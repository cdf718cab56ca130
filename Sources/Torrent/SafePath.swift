/// Makes the names of files and folders in a .torrent safe to use below the output folder.
///
/// A hostile name is changed rather than rejected, as in libtorrent and Transmission, so that the content can still be
/// downloaded and no path leads out of the folder. The change depends only on the name, so it is always the same:
/// - separators (`/` and `\`), control characters and marks that reverse the reading direction become `_`;
/// - an empty name and `.` become `_`, and `..` becomes `__`; inside a path, empty names and `.` are dropped;
/// - a name over 255 bytes is cut, gets part of its hash appended, and keeps its extension;
/// - in a path that is too deep or too long, the excess folders become one folder, which is named after the hash of all
///   folders.
///
/// Every other name keeps the bytes that it has in the torrent, even if they aren't UTF-8, because names here are
/// ``PathText``. Leading and trailing dots and spaces are kept, and so are device names of other systems (`CON`), which
/// are ordinary files here.
package enum SafePath {
    /// The maximum length of a name in bytes: NAME_MAX of Linux file systems.
    package static let maximumNameBytes = 255
    /// The maximum number of names in a path. Syncing a file syncs all folders above it, so the cost grows with the
    /// square of the depth.
    package static let maximumDepth = 64
    /// The maximum length in bytes of a path below the output folder, including separators. PATH_MAX is 4096; the rest
    /// is reserved for the output folder and for the numbers of equal names.
    package static let maximumPathBytes = 3072
    /// The length in bytes above which only the beginning and the end of a name are read, half of this length each.
    ///
    /// Such a name is always cut: at most three of its bytes become one, as when U+2028 becomes `_`.
    package static let longestNameRead = 2048

    /// Makes one name safe.
    package static func name(_ bytes: some Collection<UInt8>, _ rule: NameRule = .bytes) -> String {
        if isPlain(bytes) { return String(decoding: bytes, as: UTF8.self) }
        if bytes.count > longestNameRead { return shortened(ends(of: bytes, rule), hashing: bytes) }
        let name = safe(rule == .first ? PathText.text(LegacyText.decode(bytes).utf8) : PathText.text(bytes))
        switch name {
        case "", ".": return "_"
        case "..": return "__"
        default: return PathText.byteCount(name) <= maximumNameBytes ? name : shortened(name, hashing: bytes)
        }
    }

    private static func safe(_ text: String) -> String {
        var safe = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { safe.append(isUnsafe(scalar) ? "_" : scalar) }
        return String(safe)
    }

    /// The safe beginning and end of a long name, which is all that ``shortened(_:hashing:)`` uses.
    private static func ends(of bytes: some Collection<UInt8>, _ rule: NameRule) -> String {
        let (start, end) = (bytes.prefix(longestNameRead / 2), bytes.suffix(longestNameRead / 2))
        guard rule == .first else { return safe(PathText.text(start)) + safe(PathText.text(end)) }
        // The first rule reads either the whole name as UTF-8, or none of it.
        let isUTF8 = LegacyText.isUTF8(bytes)
        func text(_ part: some Collection<UInt8>) -> String {
            isUTF8 ? String(decoding: part, as: UTF8.self) : LegacyText.windows1252(part)
        }
        return safe(PathText.text(text(start).utf8)) + safe(PathText.text(text(end).utf8))
    }

    /// The safe names of a path below the torrent's own folder `root`, with `root` first.
    package static func path<Name: Collection<UInt8>>(
        _ components: some Sequence<Name>, in root: String, _ rule: NameRule = .bytes
    ) -> [String] {
        var path = GrowingPath()
        path.append(root)
        for component in components where !component.isEmpty && !component.elementsEqual([UInt8(ascii: ".")]) {
            path.append(name(component, rule))
        }
        if path.count == 1 { path.append("_") }
        return path.names
    }

    /// Collects the names of a path one by one. For excess folders, it keeps only the bytes that are hashed, because a
    /// path may have millions of names.
    private struct GrowingPath {
        private(set) var count = 0
        /// The length of all names in bytes, each with a separator.
        private var bytes = 0
        /// The first folders, at most ``SafePath/maximumDepth``.
        private var folders: [String] = []
        /// The file's name, unless another name follows and makes it a folder.
        private var last = ""
        /// All folders joined by separators, once there are more than a path may have.
        private var allFolders: [UInt8] = []

        mutating func append(_ name: String) {
            if count > 0 { appendFolder(last) }
            last = name
            count += 1
            bytes += PathText.byteCount(name) + 1
        }

        private mutating func appendFolder(_ name: String) {
            if folders.count < SafePath.maximumDepth { return folders.append(name) }
            if allFolders.isEmpty { allFolders = joinedFolders }
            allFolders.append(UInt8(ascii: "/"))
            allFolders.append(contentsOf: name.utf8)
        }

        private var joinedFolders: [UInt8] { Array(folders.joined(separator: "/").utf8) }

        /// The path. If it is too deep or too long, it consists of as many of the first folders as fit, one folder for
        /// the rest, and the file. Files of one folder stay together.
        var names: [String] {
            if count <= SafePath.maximumDepth, bytes <= SafePath.maximumPathBytes { return folders + [last] }
            let hash = SHA1.hash(allFolders.isEmpty ? joinedFolders : allFolders)
            let rest = ["~" + Hex.encode(hash.prefix(4)), last]
            var kept: [String] = []
            var total = rest.reduce(rest.count) { $0 + PathText.byteCount($1) }
            for folder in folders.prefix(SafePath.maximumDepth - rest.count) {
                total += PathText.byteCount(folder) + 1
                guard total <= SafePath.maximumPathBytes else { break }
                kept.append(folder)
            }
            return kept + rest
        }
    }

    /// Splits a name for numbering as `stem (number)dotted`. The number stands before the extension, or at the end of a
    /// folder's name. The parts are the same for all numbers with the same number of digits.
    static func numberedParts(_ name: String, digits: Int, isFolder: Bool) -> (stem: String, dotted: String) {
        let (stem, dotted) = isFolder ? (name[...], "") : split(name)
        let others = " ()".utf8.count + digits + PathText.byteCount(dotted)
        return (prefix(stem, bytes: maximumNameBytes - others), dotted)
    }

    /// Whether the bytes are already a safe ASCII name. Most names are, and this check is cheap.
    private static func isPlain(_ bytes: some Collection<UInt8>) -> Bool {
        guard (1...maximumNameBytes).contains(bytes.count) else { return false }
        var dots = 0
        for byte in bytes {
            guard (0x20...0x7e).contains(byte), byte != UInt8(ascii: "/"), byte != UInt8(ascii: "\\") else {
                return false
            }
            if byte == UInt8(ascii: ".") { dots += 1 }
        }
        return dots != bytes.count || dots > 2
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f...0x9f, 0x2f, 0x5c: true
        // Marks of reading direction and line separators would make a name look like another name.
        case 0x61c, 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069: true
        default: false
        }
    }

    private static func shortened(_ name: String, hashing bytes: some Collection<UInt8>) -> String {
        let (stem, dotted) = split(name)
        let hash =
            bytes.withContiguousStorageIfAvailable { SHA1.hash(UnsafeRawBufferPointer($0)) } ?? SHA1.hash(Array(bytes))
        let tail = "~" + Hex.encode(hash.prefix(4)) + dotted
        return prefix(stem, bytes: maximumNameBytes - PathText.byteCount(tail)) + tail
    }

    /// Splits the name at its last dot. An extension has at most 16 bytes including its dot, and is never the whole
    /// name.
    private static func split(_ name: String) -> (stem: Substring, dotted: String) {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex, PathText.byteCount(name[dot...]) <= 16 else {
            return (name[...], "")
        }
        return (name[..<dot], String(name[dot...]))
    }

    /// The longest prefix of whole characters that fits in `bytes`.
    private static func prefix(_ text: Substring, bytes: Int) -> String {
        guard PathText.byteCount(text) > bytes else { return String(text) }
        var result = String.UnicodeScalarView()
        var count = 0
        for scalar in text.unicodeScalars {
            count += PathText.byte(of: scalar) == nil ? UTF8.width(scalar) : 1
            if count > bytes { break }
            result.append(scalar)
        }
        return String(result)
    }
}
