import Bencode

/// The contents of a .torrent (BEP 3): the file byte for byte, and its decoded values.
package struct Metainfo: Sendable {
    /// The maximum size in bytes of a .torrent.
    package static let maximumFileBytes = 256 << 20
    /// The maximum number of files in a torrent.
    package static let maximumFileCount = 1 << 20
    /// The maximum size in bytes of a text that only describes the torrent: comment, creator, source.
    ///
    /// Typical descriptions fit. Only the beginning of a longer text is kept, and ``unused`` reports the cut.
    package static let maximumTextBytes = 16 << 10
    /// The decoding limits, which bound the memory for a .torrent: ``maximumFileCount`` files with six values each,
    /// which are a dictionary, its length, its path and three more.
    ///
    /// The depth allows for a hybrid's `file tree`, which nests a dictionary for every folder and whose paths may be
    /// deeper than ``SafePath/maximumDepth``.
    static let limits = Bencode.Limits(depth: 256, nodes: 6 * maximumFileCount)

    /// The whole .torrent as it was given, so that it can be exported unchanged.
    package let file: [UInt8]
    /// The range of the `info` dictionary in ``file``.
    package let infoRange: Range<Int>
    /// The versions as which the torrent may be known. Its content is downloaded as v1.
    package let identity: TorrentIdentity
    package let infoHash: InfoHash
    /// The ``PathText`` of the name; safe to use for a file or folder.
    package let name: String
    package let geometry: Geometry
    package let layout: FileLayout
    /// The digests of the pieces, which share the storage of ``file``.
    package let pieceHashes: PieceHashes
    /// The range of the piece hashes in ``file``.
    package var pieceHashesRange: Range<Int> { pieceHashes.bytes.startIndex..<pieceHashes.bytes.endIndex }
    /// The torrent is a single file without a folder of its own.
    package let isSingleFile: Bool
    /// Only trackers may supply peers (BEP 27).
    package let isPrivate: Bool
    /// Tiers of announce URLs in order of preference (BEP 12).
    package let trackers: [[String]]
    /// HTTP servers that serve the content (BEP 19).
    package let webSeeds: [String]
    package let comment: String?
    package let createdBy: String?
    /// Seconds since 1970, exactly as stored in the file; some programs write milliseconds.
    package let creationDate: Int64?
    /// The tracker for which a private torrent was made. Torrents with equal content but different sources have
    /// different info hashes.
    package let source: String?
    /// Values that have no effect here although the author intended one, kept for a report.
    package let unused: [UnusedValue]
    /// The name and the files as they are in ``file``, if they have other names here: ``renamed(_:)``.
    private let plain: Plain?

    private final class Plain: Sendable {
        let name: String
        let layout: FileLayout

        init(_ name: String, _ layout: FileLayout) {
            self.name = name
            self.layout = layout
        }
    }

    /// Reads a .torrent. Data that isn't understood stays in ``file`` and has no effect.
    ///
    /// Values that identify or place the content must be unambiguous. The info hash is computed from the bytes of
    /// `info` as they are in the file, canonical or not (BEP 3). Values that only describe the content (comments, URLs,
    /// dates) are skipped if they can't be read, and are reported in ``unused``.
    ///
    /// Blanks and a byte order mark before the document, and anything after it, are ignored, because scripts and
    /// editors leave them there.
    ///
    /// `names` is the rule for file names. For a torrent in a database, use `PathTable.asStored`, which knows the rule
    /// under which the torrent was added.
    package init(torrentFile bytes: [UInt8], names: NameRule = .bytes) throws(MetainfoError) {
        guard bytes.count <= Self.maximumFileBytes else { throw .tooLarge(bytes: bytes.count) }
        let root = try Self.decode(bytes)
        guard let dictionary = root.dictionary else { throw .notADictionary }
        try dictionary.requireUndisputed(["info"], in: "")
        if dictionary["info"] == nil, let file = ForeignFile(dictionary) { throw .foreign(file) }
        let info = try root.required("info", in: "")
        guard info.dictionary != nil else { throw .wrongType(key: "info", expected: "a dictionary") }
        let reader = try InfoReader(info, names: names)
        let infoHash = InfoHash(
            bytes.withUnsafeBytes { SHA1.hash(UnsafeRawBufferPointer(rebasing: $0[info.range])) })

        self.file = bytes
        self.infoRange = info.range
        self.infoHash = infoHash
        self.identity =
            reader.isHybrid
            ? .hybrid(
                infoHash, bytes.withUnsafeBytes { SHA256.hash(UnsafeRawBufferPointer(rebasing: $0[info.range])) })
            : .v1(infoHash)
        self.name = reader.name(orElse: infoHash)
        self.layout = try reader.layout(name: name)
        (self.geometry, self.pieceHashes) = try reader.pieces(totalBytes: layout.totalBytes, in: bytes)
        self.isSingleFile = reader.isSingleFile
        self.isPrivate = reader.isPrivate
        let urls = AnnounceList(root)
        self.trackers = urls.trackers
        self.webSeeds = urls.webSeeds
        var unused = Self.repeated(dictionary) + reader.unused + urls.unused
        self.comment =
            Self.text(root, "comment.utf-8", "", &unused) ?? Self.text(root, "comment", "", &unused)
        self.createdBy = Self.text(root, "created by", "", &unused)
        self.creationDate = root["creation date"]?.number
        self.source = Self.text(info, "source", "info.", &unused)
        if let date = root["creation date"], creationDate == nil {
            unused.append(UnusedValue("creation date", date.content ?? [], "it is not a number of seconds"))
        }
        self.unused = unused
        self.plain = nil
    }

    /// The same torrent with other names.
    init(_ other: Metainfo, named name: String, layout: FileLayout) {
        self.init(other, name, layout, plain: Plain(other.name, other.layout))
    }

    private init(_ other: Metainfo, _ name: String, _ layout: FileLayout, plain: Plain?) {
        file = other.file
        infoRange = other.infoRange
        identity = other.identity
        infoHash = other.infoHash
        self.name = name
        geometry = other.geometry
        self.layout = layout
        pieceHashes = other.pieceHashes
        isSingleFile = other.isSingleFile
        isPrivate = other.isPrivate
        trackers = other.trackers
        webSeeds = other.webSeeds
        comment = other.comment
        createdBy = other.createdBy
        creationDate = other.creationDate
        source = other.source
        unused = other.unused
        self.plain = plain
    }

    /// The torrent with the names of ``file``.
    package var withoutRenames: Metainfo {
        plain.map { Metainfo(self, $0.name, $0.layout, plain: nil) } ?? self
    }

    private static func decode(_ bytes: [UInt8]) throws(MetainfoError) -> BencodeValue {
        do throws(BencodeError) {
            return try Bencode.decode(bytes, from: ForeignFile.beginning(of: bytes), limits: limits)
        } catch {
            if let file = ForeignFile(bytes) { throw .foreign(file) }
            throw error.code == .truncated ? .truncated(bytes: bytes.count) : .bencode(error)
        }
    }

    /// Keys that only describe the torrent and occur in the document with several values.
    private static func repeated(_ root: BencodeDictionary) -> [UnusedValue] {
        let keys = ["announce", "announce-list", "comment", "comment.utf-8", "created by", "creation date", "url-list"]
        return keys.filter { root.disputedKeys.contains(Array($0.utf8)) }.map {
            UnusedValue($0, [], "it occurs more than once, and only the first value is used")
        }
    }

    /// A text that describes the torrent, cut at ``maximumTextBytes``. The strings of a list become lines of one text.
    private static func text(
        _ dictionary: BencodeValue, _ key: StaticString, _ prefix: String, _ unused: inout [UnusedValue]
    ) -> String? {
        guard let value = dictionary[key] else { return nil }
        var lines: [String] = []
        var room = maximumTextBytes
        var total = 0
        for line in (value.list ?? [value]).lazy.compactMap(\.characters) {
            total += line.count + (lines.isEmpty ? 0 : 1)
            guard room > 0 else { continue }
            lines.append(LegacyText.decode(LegacyText.beginning(of: line, bytes: room)))
            room -= line.count + 1
        }
        if total > maximumTextBytes {
            let reason = "it has \(total) bytes, and the first \(maximumTextBytes) of them are kept"
            unused.append(UnusedValue(prefix + key.description, [], reason))
        }
        return lines.isEmpty ? nil : lines.joined(separator: "\n")
    }
}
