/// Names of files and folders from a .torrent, made safe to use below the output folder.
///
/// A hostile name is changed rather than refused, as libtorrent and Transmission do: the content can still be had, and
/// nothing is ever followed out of the folder. The change depends on the name alone, so that it is the same every time:
/// - separators (`/` and `\`), control characters and marks that reverse the reading direction become `_`;
/// - an empty name and `.` become `_`, and `..` becomes `__`; inside a path, empty names and `.` are dropped;
/// - a name over 255 bytes is cut and gets a piece of its hash, and keeps its extension;
/// - of a path that is too deep or too long the folders that are too many become one, which is called after the hash of
///   all of them.
///
/// Every other name is on the disk as its bytes stand in the torrent, also where they aren't UTF-8: the names here are ``PathText``.
/// Left as they are: leading and trailing dots and spaces, and names that are devices on other systems (`CON`): here they are plain files.
package enum SafePath {
    /// The most bytes of a name: NAME_MAX of Linux file systems.
    package static let maximumNameBytes = 255
    /// The most names in a path. What is synced with a file is all folders above it, so that its cost is the square of
    /// its depth.
    package static let maximumDepth = 64
    /// The most bytes of a path below the output folder, separators included: PATH_MAX is 4096, the rest is for that
    /// folder, and for the numbers of equal names.
    package static let maximumPathBytes = 3072

    /// One safe name.
    package static func name(_ bytes: some Collection<UInt8>, _ rule: NameRule = .bytes) -> String {
        if isPlain(bytes) { return String(decoding: bytes, as: UTF8.self) }
        var text = String.UnicodeScalarView()
        let given = rule == .first ? PathText.text(LegacyText.decode(bytes).utf8) : PathText.text(bytes)
        for scalar in given.unicodeScalars { text.append(isUnsafe(scalar) ? "_" : scalar) }
        let name = String(text)
        switch name {
        case "", ".": return "_"
        case "..": return "__"
        default: return PathText.byteCount(name) <= maximumNameBytes ? name : shortened(name, hashing: Array(bytes))
        }
    }

    /// The safe names of a path below the torrent's own folder `root`, that one first.
    package static func path(_ components: some Sequence<[UInt8]>, in root: String, _ rule: NameRule = .bytes) -> [String] {
        var names = [root]
        for component in components where !component.isEmpty && component != [UInt8(ascii: ".")] {
            names.append(name(component, rule))
        }
        if names.count == 1 { names.append("_") }
        return fits(names) ? names : shortened(names)
    }

    private static func fits(_ names: some Collection<String>) -> Bool {
        names.count <= maximumDepth && names.reduce(names.count) { $0 + PathText.byteCount($1) } <= maximumPathBytes
    }

    /// As many of the first folders as fit, one for the rest of them, and the file: files of one folder stay together.
    private static func shortened(_ names: [String]) -> [String] {
        let folders = names.dropLast()
        let rest = [
            "~" + Hex.encode(SHA1.hash(Array(folders.joined(separator: "/").utf8)).prefix(4)), names[names.count - 1],
        ]
        var kept: [String] = []
        for folder in folders.prefix(maximumDepth - rest.count) {
            guard fits(kept + [folder] + rest) else { break }
            kept.append(folder)
        }
        return kept + rest
    }

    /// The name with ` (number)` before its extension, or at its end if it is a folder's.
    static func numbered(_ name: String, _ number: Int, isFolder: Bool) -> String {
        let (stem, dotted) = isFolder ? (name[...], "") : split(name)
        let tail = " (\(number))" + dotted
        return prefix(stem, bytes: maximumNameBytes - PathText.byteCount(tail)) + tail
    }

    /// Whether the bytes are a safe name as they are: most names are, and this is cheap to see.
    private static func isPlain(_ bytes: some Collection<UInt8>) -> Bool {
        guard (1...maximumNameBytes).contains(bytes.count) else { return false }
        var dots = 0
        for byte in bytes {
            guard (0x20...0x7e).contains(byte), byte != UInt8(ascii: "/"), byte != UInt8(ascii: "\\") else { return false }
            if byte == UInt8(ascii: ".") { dots += 1 }
        }
        return dots != bytes.count || dots > 2
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f...0x9f, 0x2f, 0x5c: true
        // Marks of reading direction and line separators: a name must look like what it is.
        case 0x61c, 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069: true
        default: false
        }
    }

    private static func shortened(_ name: String, hashing bytes: [UInt8]) -> String {
        let (stem, dotted) = split(name)
        let tail = "~" + Hex.encode(SHA1.hash(bytes).prefix(4)) + dotted
        return prefix(stem, bytes: maximumNameBytes - PathText.byteCount(tail)) + tail
    }

    /// The name before its last dot, and the rest; an extension has at most 16 bytes with its dot, and is not all of the name.
    private static func split(_ name: String) -> (stem: Substring, dotted: String) {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex, PathText.byteCount(name[dot...]) <= 16 else { return (name[...], "") }
        return (name[..<dot], String(name[dot...]))
    }

    /// As many whole characters as fit into `bytes`.
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
