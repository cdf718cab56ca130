import Store
import Torrent

/// The forms of a manifest that other programs read.
package enum ManifestFormat: String, CaseIterable, Sendable {
    /// Lines for `sha256sum --check` (coreutils).
    case sha256sum
    /// `manifest-sha256.txt` of a bag, whose folder `data` is the output folder (RFC 8493).
    case bagit
    /// The file of known hashes of `hashdeep`.
    case hashdeep
    /// An object that `pieces help json` describes. The command line writes it.
    case json
}

extension Manifest {
    /// The manifest in one of the formats for programs, except JSON. Paths are relative to the output folder, or
    /// absolute if the torrents are in several.
    package func text(_ format: ManifestFormat) throws -> [UInt8] {
        var text: [UInt8] = []
        switch format {
        case .json: preconditionFailure("the command line writes JSON")
        case .sha256sum:
            for part in parts {
                for entry in part.entries { Self.appendSum(entry, path(entry, part), to: &text) }
            }
        case .bagit:
            guard folder != nil || parts.isEmpty else {
                throw Failure.usage(
                    "the torrents are in several folders, and a bag has one: move them into it with `pieces move`")
            }
            for part in parts {
                for entry in part.entries { text += try Self.bagLine(entry) }
            }
        case .hashdeep:
            text += "%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n".utf8
            text += "## SHA-256 of files whose BitTorrent pieces were verified\n".utf8
            for part in parts {
                for entry in part.entries {
                    text += "\(entry.length),\(Hex.encode(entry.sha256)),".utf8
                    text += PathText.bytes(path(entry, part)) + "\n".utf8
                }
            }
        }
        return text
    }

    private func path(_ entry: Entry, _ part: Part) -> String {
        folder == nil ? NewTorrent.root(named: entry.path, in: part.torrent.output) : entry.path
    }

    /// A line of coreutils: a backslash, or a line break in an output folder's name, is escaped, and a backslash at the
    /// beginning of the line says so.
    private static func appendSum(_ entry: Entry, _ path: String, to text: inout [UInt8]) {
        var name: [UInt8] = []
        for byte in PathText.bytes(path) {
            switch byte {
            case UInt8(ascii: "\\"): name += "\\\\".utf8
            case UInt8(ascii: "\n"): name += "\\n".utf8
            case UInt8(ascii: "\r"): name += "\\r".utf8
            default: name.append(byte)
            }
        }
        if name.contains(UInt8(ascii: "\\")) { text.append(UInt8(ascii: "\\")) }
        text += "\(Hex.encode(entry.sha256))  ".utf8 + name + "\n".utf8
    }

    /// RFC 8493 2.1.3: `%` and line breaks are percent-encoded, and nothing else. The file is UTF-8.
    private static func bagLine(_ entry: Entry) throws -> [UInt8] {
        guard !PathText.isEscaped(entry.path) else {
            throw Failure(
                "\(entry.path.printable) is not UTF-8, so it can't be in a bag: give it another name with `pieces rename`"
            )
        }
        var name: [UInt8] = []
        for byte in entry.path.utf8 {
            switch byte {
            case UInt8(ascii: "%"): name += "%25".utf8
            case UInt8(ascii: "\n"): name += "%0A".utf8
            case UInt8(ascii: "\r"): name += "%0D".utf8
            default: name.append(byte)
            }
        }
        return Array("\(Hex.encode(entry.sha256))  data/".utf8) + name + "\n".utf8
    }
}
