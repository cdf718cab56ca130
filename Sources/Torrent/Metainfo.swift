import Bencode

/// What a .torrent says (BEP 3): the file itself, byte for byte, and what its dictionaries mean.
package struct Metainfo: Sendable {
    /// The most bytes of a .torrent that is read.
    package static let maximumFileBytes = 256 << 20
    /// The most files of a torrent.
    package static let maximumFileCount = 1 << 20
    /// The values of a .torrent with that many files: a dictionary, its length, its path, and three more for each.
    static let limits = Bencode.Limits(nodes: 6 * maximumFileCount)

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

    /// Reads a .torrent; whatever is not understood stays in ``file`` and has no effect.
    ///
    /// What identifies or places the content must be right. What only describes it (comments, URLs, dates) is passed over
    /// where it is of a wrong type.
    ///
    /// `names` is the rule for the names of files; of a torrent in a database ask `Connection.asAdded`, which knows under which it was added.
    package init(torrentFile bytes: [UInt8], names: NameRule = .bytes) throws(MetainfoError) {
        guard bytes.count <= Self.maximumFileBytes else { throw .tooLarge(bytes: bytes.count) }
        let root = try Self.decode(bytes)
        guard root.dictionary != nil else { throw .notADictionary }
        let info = try root.required("info", in: "", "a dictionary")
        guard info.dictionary != nil else { throw .wrongType(key: "info", expected: "a dictionary") }
        let reader = InfoReader(info, names: names)
        let hash = bytes.withUnsafeBytes { SHA1.hash(UnsafeRawBufferPointer(rebasing: $0[info.range])) }
        guard let infoHash = InfoHash(hash) else { preconditionFailure("a SHA-1 has 20 bytes") }

        let hashes = try reader.pieceHashes()
        self.file = bytes
        self.infoRange = info.range
        self.infoHash = infoHash
        self.name = try reader.name()
        self.layout = try reader.layout(name: name)
        self.geometry = try reader.geometry(totalBytes: layout.totalBytes, hashBytes: hashes.count)
        self.pieceHashesRange = hashes
        self.isSingleFile = info["files"] == nil
        self.isPrivate = try reader.isPrivate()
        self.trackers = AnnounceList.trackers(of: root)
        self.webSeeds = AnnounceList.webSeeds(of: root)
        self.comment = Self.text(root, "comment.utf-8") ?? Self.text(root, "comment")
        self.createdBy = Self.text(root, "created by")
        self.creationDate = root["creation date"]?.integer
        self.source = Self.text(info, "source")
    }

    /// The 20 bytes that the piece has to hash to.
    package func pieceHash(_ piece: PieceIndex) -> ArraySlice<UInt8> {
        precondition(geometry.pieces.contains(piece))
        let start = pieceHashesRange.lowerBound + piece.value * InfoHash.byteCount
        return file[start..<start + InfoHash.byteCount]
    }

    private static func decode(_ bytes: [UInt8]) throws(MetainfoError) -> BencodeValue {
        do throws(BencodeError) {
            return try Bencode.decode(bytes, limits: limits)
        } catch {
            throw .bencode(error)
        }
    }

    private static func text(_ dictionary: BencodeValue, _ key: StaticString) -> String? {
        dictionary[key]?.bytes.map { LegacyText.decode($0) }
    }
}
