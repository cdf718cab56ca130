import Bencode

/// Reads the parts of an `info` dictionary, and refuses what it must not have (BEP 3, BEP 47).
struct InfoReader {
    private let info: BencodeValue
    private let names: NameRule

    init(_ info: BencodeValue, names: NameRule = .bytes) {
        self.info = info
        self.names = names
    }

    /// Where the hashes stand in the document.
    func pieceHashes() throws(MetainfoError) -> Range<Int> {
        if info["meta version"]?.integer == 2, info["pieces"] == nil { throw .versionTwoOnly }
        let pieces = try info.required("pieces", in: "info.", "a string")
        guard let range = pieces.contentRange else { throw .wrongType(key: "info.pieces", expected: "a string") }
        guard range.count.isMultiple(of: InfoHash.byteCount) else { throw .raggedPieceHashes(bytes: range.count) }
        return range
    }

    func name() throws(MetainfoError) -> String {
        if let bytes = info["name.utf-8"]?.bytes, !bytes.isEmpty { return SafePath.name(bytes, names) }
        guard let bytes = try info.required("name", in: "info.", "a string").bytes else { throw .wrongType(key: "info.name", expected: "a string") }
        return SafePath.name(bytes, names)
    }

    func geometry(totalBytes: Int64, hashBytes: Int) throws(MetainfoError) -> Geometry {
        let length = try info.requiredInteger("piece length", in: "info.")
        guard let pieceLength = Int(exactly: length), Geometry.pieceLengths.contains(pieceLength) else { throw .badPieceLength(length) }
        guard let geometry = Geometry(totalBytes: totalBytes, pieceLength: pieceLength) else { throw .tooManyPieces }
        let found = hashBytes / InfoHash.byteCount
        guard geometry.pieceCount == found else { throw .wrongPieceCount(expected: geometry.pieceCount, found: found) }
        return geometry
    }

    /// A wrong type is not passed over here: who made the torrent private must not find it in the DHT.
    func isPrivate() throws(MetainfoError) -> Bool {
        guard let value = info["private"] else { return false }
        guard let integer = value.integer else { throw .wrongType(key: "info.private", expected: "an integer") }
        return integer != 0
    }

    func layout(name: String) throws(MetainfoError) -> FileLayout {
        let entries: [FileEntry]
        switch (info["length"], info["files"]) {
        case (.some, .some): throw .lengthAndFiles
        case (nil, nil): throw .neitherLengthNorFiles
        case (.some, nil): entries = [try singleFile(name: name)]
        case (nil, let files?): entries = try multipleFiles(files, root: name)
        }
        guard let layout = FileLayout(files: entries, names: names) else { throw .totalTooLarge }
        return layout
    }

    private func singleFile(name: String) throws(MetainfoError) -> FileEntry {
        let length = try info.requiredInteger("length", in: "info.")
        guard length >= 0 else { throw .badLength(file: 1, length) }
        return FileEntry(path: [name], length: length, isExecutable: Self.attributes(of: info).contains(UInt8(ascii: "x")))
    }

    private func multipleFiles(_ value: BencodeValue, root: String) throws(MetainfoError) -> [FileEntry] {
        guard let files = value.list else { throw .wrongType(key: "info.files", expected: "a list") }
        guard !files.isEmpty else { throw .noFiles }
        guard files.count <= Metainfo.maximumFileCount else { throw .tooManyFiles(files.count) }
        var entries: [FileEntry] = []
        entries.reserveCapacity(files.count)
        for (n, file) in files.enumerated() { entries.append(try Self.entry(file, number: n + 1, root: root, names: names)) }
        return entries
    }

    private static func entry(_ file: BencodeValue, number: Int, root: String, names: NameRule) throws(MetainfoError) -> FileEntry {
        guard file.dictionary != nil else { throw .wrongType(key: "info.files.\(number)", expected: "a dictionary") }
        let attributes = attributes(of: file)
        let isSymlink = attributes.contains(UInt8(ascii: "l"))
        // BEP 47 lets a symbolic link go without a length.
        let length = isSymlink && file["length"] == nil ? 0 : try file.requiredInteger("length", in: "info.files.\(number).")
        guard length >= 0 else { throw .badLength(file: number, length) }

        let components = try components(of: file, number: number)
        guard !components.isEmpty, let below = SafePath.path(components, names) else { throw .badPath(file: number) }
        let path = [root] + below
        guard SafePath.fits(path) else { throw .badPath(file: number) }
        return FileEntry(
            path: path, length: length, isPad: attributes.contains(UInt8(ascii: "p")) || isPadName(below),
            isExecutable: attributes.contains(UInt8(ascii: "x")), isSymlink: isSymlink)
    }

    private static func components(of file: BencodeValue, number: Int) throws(MetainfoError) -> [[UInt8]] {
        if let utf8 = file["path.utf-8"]?.strings, !utf8.isEmpty { return utf8 }
        let key = "info.files.\(number)."
        guard let path = try file.required("path", in: key, "a list of strings").strings else {
            throw .wrongType(key: key + "path", expected: "a list of strings")
        }
        return path
    }

    /// Pad files from before BEP 47 are known by their names: `.pad/` of libtorrent, `_____padding_file_` of BitComet.
    private static func isPadName(_ below: [String]) -> Bool {
        below.count > 1 && below[0] == ".pad" || below[below.count - 1].hasPrefix("_____padding_file_")
    }

    private static func attributes(of file: BencodeValue) -> [UInt8] { file["attr"]?.bytes ?? [] }
}

extension BencodeValue {
    /// The value under the key; `prefix` is the path to this dictionary, for the error.
    func required(_ key: StaticString, in prefix: String, _ expected: String) throws(MetainfoError) -> BencodeValue {
        guard let value = self[key] else { throw .missing(key: prefix + key.description) }
        return value
    }

    fileprivate func requiredInteger(_ key: StaticString, in prefix: String) throws(MetainfoError) -> Int64 {
        guard let value = self[key] else { throw .missing(key: prefix + key.description) }
        guard let integer = value.integer else { throw .wrongType(key: prefix + key.description, expected: "an integer") }
        return integer
    }

    /// A list of nothing but strings.
    fileprivate var strings: [[UInt8]]? {
        guard let list else { return nil }
        var strings: [[UInt8]] = []
        for value in list {
            guard let bytes = value.bytes else { return nil }
            strings.append(bytes)
        }
        return strings
    }
}
