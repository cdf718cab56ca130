import Bencode

/// Creates a .torrent for content that is already hashed: the pure part of `pieces create`.
package struct TorrentBuilder: Sendable {
    package struct File: Hashable, Sendable {
        /// The path below the torrent's folder; its names are ``PathText``.
        package var path: [String]
        package var length: Int64
        package var isExecutable: Bool

        package init(path: [String], length: Int64, isExecutable: Bool = false) {
            self.path = path
            self.length = length
            self.isExecutable = isExecutable
        }
    }

    package enum Content: Hashable, Sendable {
        case file(length: Int64)
        case folder([File])
    }

    /// The name of the file or folder: ``PathText``.
    package var name: String
    package var content: Content
    package var pieceLength: Int
    package var pieceHashes: PieceHashes
    package var trackers: [[String]] = []
    package var webSeeds: [String] = []
    package var isPrivate = false
    package var comment: String?
    package var source: String?
    package var createdBy: String?
    /// Seconds since 1970.
    package var creationDate: Int64?

    package init(name: String, content: Content, pieceLength: Int, pieceHashes: PieceHashes) {
        self.name = name
        self.content = content
        self.pieceLength = pieceLength
        self.pieceHashes = pieceHashes
    }

    /// The smallest power of two from 16 KiB to 16 MiB that gives at most 2,048 pieces; between 16 MiB and 32 GiB this
    /// gives 1,025 to 2,048 pieces.
    ///
    /// Fewer pieces keep the .torrent and each bitfield small. More pieces let a peer share sooner and lose less to a
    /// bad peer.
    package static func sensiblePieceLength(totalBytes: Int64) -> Int {
        var length = 16 << 10
        while length < 16 << 20, totalBytes > Int64(length) * 2048 { length *= 2 }
        return length
    }

    /// Encodes the .torrent canonically.
    ///
    /// The result is read back before it is returned, which ensures that clients that open the .torrent find the files
    /// under the same names.
    package func build() throws(TorrentBuilderError) -> [UInt8] {
        let bytes = Bencode.encode(.dictionary(root))
        let metainfo: Metainfo
        do throws(MetainfoError) {
            metainfo = try Metainfo(torrentFile: bytes)
        } catch {
            throw .invalid(error)
        }
        for (path, entry) in zip(paths, metainfo.layout.files) {
            let text = path.joined(separator: "/")
            if entry.isPad { throw .padName(text) }
            if !PathText.isSame(text, entry.displayPath) { throw .unsafePath(text, becomes: entry.displayPath) }
        }
        return bytes
    }

    private var paths: [[String]] {
        switch content {
        case .file: [[name]]
        case .folder(let files): files.map { [name] + $0.path }
        }
    }

    private var root: BencodeDictionary {
        var root = BencodeDictionary()
        root["announce"] = trackers.first { !$0.isEmpty }.map { .text($0[0]) }
        if trackers.joined().count > 1 {
            root["announce-list"] = .list(trackers.filter { !$0.isEmpty }.map { .list($0.map { .text($0) }) })
        }
        root["comment"] = comment.map { .text($0) }
        root["created by"] = createdBy.map { .text($0) }
        root["creation date"] = creationDate.map { .integer($0) }
        root["info"] = .dictionary(info)
        if !webSeeds.isEmpty { root["url-list"] = .list(webSeeds.map { .text($0) }) }
        return root
    }

    private var info: BencodeDictionary {
        var info = BencodeDictionary()
        switch content {
        case .file(let length):
            info["length"] = .integer(length)
        case .folder(let files):
            info["files"] = .list(files.map(Self.dictionary))
        }
        info["name"] = .string(PathText.bytes(name))
        info["piece length"] = .integer(Int64(pieceLength))
        info["pieces"] = .string(Array(pieceHashes.bytes))
        if isPrivate { info["private"] = 1 }
        info["source"] = source.map { .text($0) }
        return info
    }

    private static func dictionary(_ file: File) -> BencodeValue {
        var dictionary = BencodeDictionary()
        if file.isExecutable { dictionary["attr"] = "x" }
        dictionary["length"] = .integer(file.length)
        dictionary["path"] = .list(file.path.map { .string(PathText.bytes($0)) })
        return .dictionary(dictionary)
    }
}

/// Why no .torrent can be created.
package enum TorrentBuilderError: Error, Hashable, Sendable, CustomStringConvertible {
    case invalid(MetainfoError)
    /// A client would store the file under another name, and would find nothing to seed.
    case unsafePath(String, becomes: String)
    /// A client would take the file for padding, and never request it.
    case padName(String)

    package var description: String {
        switch self {
        case .invalid(let error): "cannot create a valid .torrent: \(error)"
        case .unsafePath(let path, let other):
            "'\(path)' cannot be used in a .torrent, because clients would save it as '\(other)': rename it first"
        case .padName(let path):
            "'\(path)' cannot be used in a .torrent, because clients would take it for padding: rename it first"
        }
    }
}
