import Bencode

/// Reads the parts of an `info` dictionary, and rejects invalid ones (BEP 3, BEP 47).
///
/// A value is only rejected if two clients would download different things, or if no client could know what to
/// download. Numbers may be strings of digits, and names may be numbers, because programs in untyped languages write
/// them so.
struct InfoReader {
    /// The keys of `info` that decide what is downloaded, from which peers, and under which names.
    private static let decisiveKeys: [StaticString] = [
        "file tree", "files", "length", "meta version", "name", "name.utf-8", "piece length", "pieces", "private",
    ]
    /// The same keys of a file's dictionary. `attr` can make a file a pad file, which isn't downloaded (BEP 47).
    private static let decisiveFileKeys: [StaticString] = ["attr", "length", "path", "path.utf-8"]

    private let info: BencodeValue
    private let names: NameRule
    /// Whether the torrent is one file without a folder of its own. An empty `files` next to a `length` is ignored.
    let isSingleFile: Bool

    init(_ info: BencodeValue, names: NameRule = .bytes) throws(MetainfoError) {
        try info.dictionary?.requireUndisputed(Self.decisiveKeys, in: "info.")
        self.info = info
        self.names = names
        let hasFiles = info["files"].map { $0.list?.isEmpty != true || info["length"] == nil } ?? false
        isSingleFile = !hasFiles
    }

    // MARK: Pieces

    /// The geometry and the digests of the pieces, which are a slice of the document.
    func pieces(totalBytes: Int64, in document: [UInt8]) throws(MetainfoError) -> (Geometry, PieceHashes) {
        var range = try pieceHashes()
        let geometry = try geometry(totalBytes: totalBytes)
        // Some programs write the hash of no bytes for an empty file.
        if geometry.pieceCount == 0, document[range].elementsEqual(SHA1.hash([])) {
            range = range.lowerBound..<range.lowerBound
        }
        guard let hashes = PieceHashes(.sha1, document[range]) else { throw .raggedPieceHashes(bytes: range.count) }
        guard geometry.pieceCount == hashes.count else {
            throw .wrongPieceCount(expected: geometry.pieceCount, found: hashes.count)
        }
        return (geometry, hashes)
    }

    private func pieceHashes() throws(MetainfoError) -> Range<Int> {
        let pieces = try info.required("pieces", in: "info.")
        guard let range = pieces.contentRange else { throw .wrongType(key: "info.pieces", expected: "a string") }
        return range
    }

    private func geometry(totalBytes: Int64) throws(MetainfoError) -> Geometry {
        let length = try info.requiredNumber("piece length", in: "info.")
        guard let pieceLength = Int(exactly: length), Geometry.pieceLengths.contains(pieceLength) else {
            throw .badPieceLength(length)
        }
        guard let geometry = Geometry(totalBytes: totalBytes, pieceLength: pieceLength) else { throw .tooManyPieces }
        return geometry
    }

    /// Whether the dictionary is also one of a v2 torrent (BEP 52).
    var isHybrid: Bool { info["meta version"]?.number == 2 && info["file tree"]?.dictionary != nil }

    // MARK: Description

    /// The name of the file or folder. A torrent without a name is called after its info hash, so that no two of them
    /// share a path.
    func name(orElse infoHash: InfoHash) -> String {
        if let bytes = info["name.utf-8"]?.content, !bytes.isEmpty { return SafePath.name(bytes, names) }
        return info["name"]?.characters.map { SafePath.name($0, names) } ?? infoHash.description
    }

    /// Any value that isn't clearly "no" counts as private, because a torrent that its author made private must not
    /// appear in the DHT (law 8 of the design).
    var isPrivate: Bool {
        guard let value = info["private"] else { return false }
        return value.number != 0 && value.content?.isEmpty != true
    }

    /// Values that were interpreted differently from what the document says.
    var unused: [UnusedValue] {
        guard let value = info["private"], value.number == nil, isPrivate else { return [] }
        return [
            UnusedValue(
                "info.private", value.content ?? [], "it is neither 0 nor 1, so the torrent is treated as private")
        ]
    }

    // MARK: Names on the web

    /// The name in the URL of a web seed: the bytes of the document (BEP 19).
    var nameOnTheWeb: ArraySlice<UInt8>? {
        if let bytes = info["name.utf-8"]?.content, !bytes.isEmpty { return bytes }
        return info["name"]?.characters
    }

    /// Calls `body` with the names in the path of each file, in order: the bytes of the document. A file without a
    /// path has none.
    func forEachPathOnTheWeb(_ body: ([ArraySlice<UInt8>]) -> Void) {
        for file in info["files"]?.list ?? [] {
            if let utf8 = file["path.utf-8"]?.list, !utf8.isEmpty, utf8.allSatisfy({ $0.content != nil }) {
                body(utf8.compactMap(\.content))
            } else if let text = file["path"]?.content {
                body(Array(NamesOfPath(text)))
            } else {
                body((file["path"]?.list ?? []).compactMap(\.characters))
            }
        }
    }

    // MARK: Files

    func layout(name: String) throws(MetainfoError) -> FileLayout {
        if info["pieces"] == nil, info["meta version"]?.number == 2 || info["file tree"] != nil {
            throw .versionTwoOnly
        }
        let entries: [FileEntry]
        switch (info["length"], info["files"]) {
        case (.some, _) where isSingleFile: entries = [try singleFile(name: name)]
        case (.some, .some): throw .lengthAndFiles
        case (nil, let files?): entries = try multipleFiles(files, root: name)
        case (_, nil): throw .neitherLengthNorFiles
        }
        guard let layout = FileLayout(files: entries, names: names) else { throw .totalTooLarge }
        return layout
    }

    private func singleFile(name: String) throws(MetainfoError) -> FileEntry {
        let length = try info.requiredNumber("length", in: "info.")
        guard length >= 0 else { throw .badLength(file: 1, length) }
        return FileEntry(
            path: [name], length: length, isExecutable: Self.attributes(of: info).contains(UInt8(ascii: "x")))
    }

    private func multipleFiles(_ value: BencodeValue, root: String) throws(MetainfoError) -> [FileEntry] {
        guard let files = value.list else { throw .wrongType(key: "info.files", expected: "a list") }
        guard !files.isEmpty else { throw .noFiles }
        guard files.count <= Metainfo.maximumFileCount else { throw .tooManyFiles(files.count) }
        var entries: [FileEntry] = []
        entries.reserveCapacity(files.count)
        for (n, file) in files.enumerated() {
            entries.append(try Self.entry(file, number: n + 1, root: root, names: names))
        }
        return entries
    }

    /// Throws if a file can't be read. Skipping the file would shift the bytes of all files after it.
    private static func entry(_ file: BencodeValue, number: Int, root: String, names: NameRule) throws(MetainfoError)
        -> FileEntry
    {
        guard let dictionary = file.dictionary else {
            throw .wrongType(key: "info.files.\(number)", expected: "a dictionary")
        }
        if !dictionary.disputedKeys.isEmpty {
            try dictionary.requireUndisputed(decisiveFileKeys, in: "info.files.\(number).")
        }
        let attributes = attributes(of: file)
        let isSymlink = attributes.contains(UInt8(ascii: "l"))
        // BEP 47 allows a symbolic link to have no length.
        let length =
            isSymlink && file["length"] == nil ? 0 : try file.requiredNumber("length", in: "info.files.\(number).")
        guard length >= 0 else { throw .badLength(file: number, length) }

        var isPad = attributes.contains(UInt8(ascii: "p"))
        // A file without a path can still be downloaded under a generated name.
        let path =
            try path(of: file, number: number, root: root, names: names)
            ?? SafePath.path(["\(isPad ? "padding" : "file") \(number)".utf8], in: root, names)
        isPad = isPad || isPadName(path.dropFirst())
        return FileEntry(
            path: path, length: length, isPad: isPad, isExecutable: attributes.contains(UInt8(ascii: "x")),
            isSymlink: isSymlink)
    }

    /// The names in the file's path; `nil` if the path is missing or empty.
    private static func path(
        of file: BencodeValue, number: Int, root: String, names rule: NameRule
    ) throws(MetainfoError) -> [String]? {
        if let utf8 = file["path.utf-8"]?.list, !utf8.isEmpty, utf8.allSatisfy({ $0.content != nil }) {
            return SafePath.path(utf8.lazy.compactMap(\.content), in: root, rule)
        }
        guard let path = file["path"] else { return nil }
        if let text = path.content { return text.isEmpty ? nil : SafePath.path(NamesOfPath(text), in: root, rule) }
        guard let names = path.list, names.allSatisfy({ $0.content != nil || $0.integer != nil }) else {
            throw .wrongType(key: "info.files.\(number).path", expected: "a list of strings")
        }
        return names.isEmpty ? nil : SafePath.path(names.lazy.compactMap(\.characters), in: root, rule)
    }

    /// Recognizes pad files from before BEP 47 by their names: `.pad/` of libtorrent, `_____padding_file_` of BitComet,
    /// `.____padding_file/` of the Internet Archive.
    private static func isPadName(_ below: ArraySlice<String>) -> Bool {
        below.count > 1 && (below.first == ".pad" || below.first == ".____padding_file")
            || below.last?.hasPrefix("_____padding_file_") == true
    }

    private static func attributes(of file: BencodeValue) -> ArraySlice<UInt8> { file["attr"]?.content ?? [] }
}

/// Splits a path that is one string into names, lazily: there may be half as many names as bytes.
private struct NamesOfPath: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>

    init(_ path: ArraySlice<UInt8>) { rest = path }

    mutating func next() -> ArraySlice<UInt8>? {
        let slash = UInt8(ascii: "/")
        guard let start = rest.firstIndex(where: { $0 != slash }) else { return nil }
        let end = rest[start...].firstIndex(of: slash) ?? rest.endIndex
        defer { rest = rest[end...] }
        return rest[start..<end]
    }
}

extension BencodeDictionary {
    /// Throws if the document has two different values for one of the keys.
    func requireUndisputed(_ keys: [StaticString], in prefix: String) throws(MetainfoError) {
        for key in keys where !disputedKeys.isEmpty && disputedKeys.contains(key.withUTF8Buffer { Array($0) }) {
            throw .disputed(key: prefix + key.description)
        }
    }
}

extension BencodeValue {
    /// The value of the key. `prefix` is the path to this dictionary, used in the error.
    func required(_ key: StaticString, in prefix: String) throws(MetainfoError) -> BencodeValue {
        guard let value = self[key] else { throw .missing(key: prefix + key.description) }
        return value
    }

    fileprivate func requiredNumber(_ key: StaticString, in prefix: String) throws(MetainfoError) -> Int64 {
        guard let number = try required(key, in: prefix).number else {
            throw .wrongType(key: prefix + key.description, expected: "an integer")
        }
        return number
    }
}
