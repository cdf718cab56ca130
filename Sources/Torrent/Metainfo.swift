import Bencode

/// What a .torrent says (BEP 3): the file itself, byte for byte, and what its dictionaries mean.
package struct Metainfo: Sendable {
    /// The most bytes of a .torrent that is read.
    package static let maximumFileBytes = 256 << 20
    /// The most files of a torrent.
    package static let maximumFileCount = 1 << 20
    /// The most bytes of a text that only describes the torrent: comments, who made it, its source.
    ///
    /// A text of a description fits. Of a longer one the beginning is kept, and ``unused`` says so.
    package static let maximumTextBytes = 16 << 10
    /// The values of a .torrent with that many files: a dictionary, its length, its path, and three more for each. They
    /// bound the memory that it takes.
    ///
    /// A hybrid's `file tree` has a dictionary in another for every folder, and paths may be deeper than
    /// ``SafePath/maximumDepth``.
    static let limits = Bencode.Limits(depth: 256, nodes: 6 * maximumFileCount)

    /// The whole .torrent as it was given, so that it can be given away again.
    package let file: [UInt8]
    /// Where the `info` dictionary stands in ``file``.
    package let infoRange: Range<Int>
    package let infoHash: InfoHash
    /// Safe as the name of a file or folder: ``PathText``.
    package let name: String
    package let geometry: Geometry
    package let layout: FileLayout
    /// Where the piece hashes stand in ``file``, 20 bytes each.
    package let pieceHashesRange: Range<Int>
    /// One file that is not in a folder of its own.
    package let isSingleFile: Bool
    /// Peers may come from the trackers alone (BEP 27).
    package let isPrivate: Bool
    /// Tiers of announce URLs, in order of preference (BEP 12).
    package let trackers: [[String]]
    /// HTTP servers that have the content (BEP 19).
    package let webSeeds: [String]
    package let comment: String?
    package let createdBy: String?
    /// Seconds since 1970, as the file says; some makers write milliseconds.
    package let creationDate: Int64?
    /// The tracker for which a private torrent is made; it sets info hashes of equal content apart.
    package let source: String?
    /// Values that have no effect here though their maker meant something by them, for a report.
    package let unused: [UnusedValue]

    /// Reads a .torrent; whatever is not understood stays in ``file`` and has no effect.
    ///
    /// What identifies or places the content must have one reading. The info hash is that of the bytes of `info` as
    /// they stand, canonical or not (BEP 3). What only describes the content (comments, URLs, dates) is passed over
    /// where it can't be read, and reported in ``unused``.
    ///
    /// Blanks and a byte order mark before the document, and anything behind it, are no part of it: scripts and editors
    /// leave them there.
    ///
    /// `names` is the rule for the names of files; of a torrent in a database ask `Connection.asAdded`, which knows
    /// under which it was added.
    package init(torrentFile bytes: [UInt8], names: NameRule = .bytes) throws(MetainfoError) {
        guard bytes.count <= Self.maximumFileBytes else { throw .tooLarge(bytes: bytes.count) }
        let root = try Self.decode(bytes)
        guard let dictionary = root.dictionary else { throw .notADictionary }
        try dictionary.requireUndisputed(["info"], in: "")
        if dictionary["info"] == nil, let file = ForeignFile(dictionary) { throw .foreign(file) }
        let info = try root.required("info", in: "")
        guard info.dictionary != nil else { throw .wrongType(key: "info", expected: "a dictionary") }
        let reader = try InfoReader(info, names: names)
        let hash = bytes.withUnsafeBytes { SHA1.hash(UnsafeRawBufferPointer(rebasing: $0[info.range])) }
        guard let infoHash = InfoHash(hash) else { preconditionFailure("a SHA-1 has 20 bytes") }

        self.file = bytes
        self.infoRange = info.range
        self.infoHash = infoHash
        self.name = reader.name(orElse: infoHash)
        self.layout = try reader.layout(name: name)
        (self.geometry, self.pieceHashesRange) = try reader.pieces(totalBytes: layout.totalBytes, in: bytes)
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
    }

    /// The 20 bytes that the piece has to hash to.
    package func pieceHash(_ piece: PieceIndex) -> ArraySlice<UInt8> {
        precondition(geometry.pieces.contains(piece))
        let start = pieceHashesRange.lowerBound + piece.value * InfoHash.byteCount
        return file[start..<start + InfoHash.byteCount]
    }

    private static func decode(_ bytes: [UInt8]) throws(MetainfoError) -> BencodeValue {
        do throws(BencodeError) {
            return try Bencode.decode(bytes, from: ForeignFile.beginning(of: bytes), limits: limits)
        } catch {
            if let file = ForeignFile(bytes) { throw .foreign(file) }
            throw error.code == .truncated ? .truncated(bytes: bytes.count) : .bencode(error)
        }
    }

    /// Keys that describe the torrent, and stand in the document with several values.
    private static func repeated(_ root: BencodeDictionary) -> [UnusedValue] {
        let keys = ["announce", "announce-list", "comment", "comment.utf-8", "created by", "creation date", "url-list"]
        return keys.filter { root.disputedKeys.contains(Array($0.utf8)) }.map {
            UnusedValue($0, [], "it occurs more than once, and only the first value is used")
        }
    }

    /// A text that describes the torrent, up to ``maximumTextBytes``; several strings in a list are lines of it.
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
