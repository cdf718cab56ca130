import Bencode

/// The kind of a file that is not a .torrent, as far as its bytes show, with advice for the user.
///
/// The kind is only determined for files that can't be read as a .torrent, so it is never the reason to reject a file.
package enum ForeignFile: Hashable, Sendable {
    case empty
    /// The file contains only zero bytes, as after an unfinished download or a file system crash.
    case zeros
    /// The compression format, and the program that decompresses it.
    case compressed(String, with: String)
    /// The format of an archive of several files.
    case archive(String)
    /// A web page, usually an error or login page that was saved under the name of a .torrent.
    case webPage
    /// A text with a magnet link, or the dictionary in which some clients store one.
    case magnet
    /// A text with a web address.
    case address
    /// A document of another format.
    case document(String)

    /// The number of bytes at the beginning of a file in which the kind is looked for.
    private static let headLength = 1024

    /// The first bytes of binary formats.
    private static let packed: [([UInt8], ForeignFile)] = [
        ([0x1f, 0x8b], .compressed("gzip", with: "gunzip")),
        ([0x42, 0x5a, 0x68], .compressed("bzip2", with: "bunzip2")),
        ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], .compressed("xz", with: "unxz")),
        ([0x28, 0xb5, 0x2f, 0xfd], .compressed("Zstandard", with: "unzstd")),
        ([0x50, 0x4b, 0x03, 0x04], .archive("zip")), ([0x50, 0x4b, 0x05, 0x06], .archive("zip")),
        ([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], .archive("7z")),
        ([0x52, 0x61, 0x72, 0x21, 0x1a, 0x07], .archive("rar")),
        ([0x25, 0x50, 0x44, 0x46, 0x2d], .document("PDF")),
    ]

    /// Recognizes the kind by the bytes of the file; `nil` if the kind is unknown.
    package init?(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else {
            self = .empty
            return
        }
        for (beginning, kind) in Self.packed where bytes.starts(with: beginning) {
            self = kind
            return
        }
        if bytes[0] == 0, bytes.allSatisfy({ $0 == 0 }) {
            self = .zeros
            return
        }
        let start = Self.beginning(of: bytes)
        self.init(text: String(decoding: bytes[start...].prefix(Self.headLength), as: UTF8.self).lowercased())
    }

    private init?(text: String) {
        switch text {
        case _ where text.hasPrefix("magnet:"): self = .magnet
        case _ where ["http://", "https://", "[internetshortcut]"].contains(where: text.hasPrefix): self = .address
        case _ where text.hasPrefix("<") && text.contains(text: "<metalink"): self = .document("Metalink")
        case _ where text.hasPrefix("<") && (text.contains(text: "<nzb") || text.contains(text: "!doctype nzb")):
            self = .document("NZB")
        case _ where text.hasPrefix("<") && (text.contains(text: "<rss") || text.contains(text: "<feed")):
            self = .document("feed (RSS)")
        case _ where text.hasPrefix("<?xml") && !text.contains(text: "html"): self = .document("XML")
        case _ where text.hasPrefix("<"): self = .webPage
        case _ where text.hasPrefix("{"): self = .document("JSON")
        default: return nil
        }
    }

    /// Recognizes a bencoded dictionary that has no `info`; `nil` if the kind is unknown.
    init?(_ root: BencodeDictionary) {
        if root["magnet-uri"] != nil {
            self = .magnet
        } else if root["info-hash"] != nil || root["file-format"] != nil {
            self = .document("resume data")
        } else {
            return nil
        }
    }

    /// The index of the first byte after a byte order mark and blanks, which some scripts write before the content.
    static func beginning(of bytes: [UInt8]) -> Int {
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        let start = bytes.starts(with: mark) ? mark.count : 0
        let isBlank = { (byte: UInt8) in byte == 0x20 || (0x09...0x0d).contains(byte) }
        return bytes[start...].prefix(headLength).firstIndex { !isBlank($0) } ?? start
    }

    /// Whether the file may contain a .torrent.
    package var isPacked: Bool {
        switch self {
        case .compressed, .archive: true
        default: false
        }
    }

    /// A noun phrase that follows "this is not a .torrent but".
    package var kind: String {
        switch self {
        case .empty: "an empty file"
        case .zeros: "a file of only zero bytes, as an unfinished download leaves it"
        case .compressed(let name, _): "a file compressed with \(name)"
        case .archive(let name): "a \(name) archive"
        case .webPage: "a web page (HTML)"
        case .magnet: "a magnet link"
        case .address: "a text file with a web address"
        case .document(let name): "a \(name) document"
        }
    }

    /// What the user can do about the file.
    package var advice: String {
        switch self {
        case .empty, .zeros: "download it again"
        case .compressed(_, let program): "decompress it first (\(program) < FILE > NEW.torrent), and give the result"
        case .archive: "unpack it first, and give the .torrent that is in it"
        case .webPage: "it may be an error or a login page; open the address in a browser, and save the .torrent itself"
        case .magnet: "give the link itself, in quotes, instead of the file"
        case .address: "give that address instead of the file"
        case .document: "give the .torrent file itself, or its address"
        }
    }
}
