/// Reads the parameters of a magnet link. The limits on what is kept are those of ``MagnetLink``.
struct MagnetLinkReader {
    /// The multihash prefix of a SHA-256 digest: its code and its length (BEP 52).
    static let sha256 = "1220"

    private(set) var infoHash: InfoHash?
    private(set) var v2: SHA256Digest?
    private(set) var name: String?
    private(set) var trackers: [String] = []
    private(set) var webSeeds: [String] = []
    private(set) var peers: [MagnetPeer] = []
    private(set) var files: [ClosedRange<Int>] = []

    init(_ text: String) throws(MagnetLinkError) {
        guard text.utf8.count <= MagnetLink.maximumBytes else { throw .tooLong(bytes: text.utf8.count) }
        // Links are copied from pages and mails, with the blanks around them.
        let isInk = { (byte: UInt8) in byte > 0x20 }
        let bytes = Array(text.utf8)
        guard let first = bytes.firstIndex(where: isInk), let last = bytes.lastIndex(where: isInk),
            let query = bytes[first...last].dropping("magnet:?")
        else { throw .notAMagnetLink }
        for parameter in query.split(separator: UInt8(ascii: "&")) {
            guard let equals = parameter.firstIndex(of: UInt8(ascii: "=")) else { continue }
            try read(Self.key(parameter[..<equals]), parameter[(equals + 1)...])
        }
    }

    /// The key in lower case, without a number at its end, and without the rest of the `&amp;` that a link copied from
    /// HTML has.
    private static func key(_ bytes: ArraySlice<UInt8>) -> String {
        var key = PercentEncoding.decode(bytes).map(\.lowercasedASCII)[...]
        if let rest = key.dropping("amp;") { key = rest }
        if let dot = key.lastIndex(of: UInt8(ascii: ".")), dot + 1 < key.endIndex,
            key[(dot + 1)...].allSatisfy(\.isDigit)
        {
            key = key[..<dot]
        }
        return String(decoding: key, as: UTF8.self)
    }

    private mutating func read(_ key: String, _ value: ArraySlice<UInt8>) throws(MagnetLinkError) {
        switch key {
        case "xt": try readTopic(PercentEncoding.decode(value))
        case "dn":
            // Many sites encode names as forms do, with `+` for a blank.
            let plain = value.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }
            let text = LegacyText.decode(PercentEncoding.decode(plain))
            if name == nil, !text.isEmpty { name = text }
        case "tr": Self.text(value).map { trackers.append($0) }
        case "ws": Self.text(value).map { webSeeds.append($0) }
        case "x.pe": Self.text(value).flatMap { MagnetPeer($0) }.map { peers.append($0) }
        case "so": try readFiles(PercentEncoding.decode(value))
        default: break
        }
    }

    private static func text(_ value: ArraySlice<UInt8>) -> String? {
        String(validating: PercentEncoding.decode(value), as: UTF8.self)
    }

    /// Reads a hash. Topics of other networks, and multihashes of other functions, are ignored.
    private mutating func readTopic(_ topic: [UInt8]) throws(MagnetLinkError) {
        if let digits = topic[...].dropping("urn:btih:") {
            guard let hash = Self.infoHash(digits) else { throw .badInfoHash }
            guard infoHash == nil || infoHash == hash else { throw .severalTorrents }
            infoHash = hash
        } else if let digits = topic[...].dropping("urn:btmh:")?.dropping(Self.sha256) {
            guard let digest = Hex.decode(String(decoding: digits, as: UTF8.self)).flatMap({ SHA256Digest($0) })
            else { throw .badV2Hash }
            guard v2 == nil || v2 == digest else { throw .severalTorrents }
            v2 = digest
        }
    }

    private static func infoHash(_ digits: ArraySlice<UInt8>) -> InfoHash? {
        switch digits.count {
        case 40: InfoHash(hex: String(decoding: digits, as: UTF8.self))
        case 32: Base32.decode(digits).flatMap { InfoHash($0) }
        default: nil
        }
    }

    /// Reads numbers and ranges of files; a link may have them in several parameters.
    private mutating func readFiles(_ list: [UInt8]) throws(MagnetLinkError) {
        for part in list.split(separator: UInt8(ascii: ",")) {
            let ends = part.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
            guard ends.count <= 2, let first = Self.fileIndex(ends.first), let last = Self.fileIndex(ends.last),
                first <= last, files.count < MagnetLink.maximumFileRanges
            else { throw .badFileSelection }
            files.append(first...last)
        }
    }

    private static func fileIndex(_ digits: ArraySlice<UInt8>?) -> Int? {
        guard let digits, digits.allSatisfy(\.isDigit), let index = Int(String(decoding: digits, as: UTF8.self)),
            index < Metainfo.maximumFileCount
        else { return nil }
        return index
    }
}

extension ArraySlice<UInt8> {
    /// The rest after a prefix in ASCII, compared without regard to case; `nil` if the bytes don't begin with it. The
    /// prefix is in lower case.
    fileprivate func dropping(_ prefix: String) -> ArraySlice<UInt8>? {
        let length = prefix.utf8.count
        guard count >= length, self.prefix(length).lazy.map(\.lowercasedASCII).elementsEqual(prefix.utf8) else {
            return nil
        }
        return dropFirst(length)
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (0x30...0x39).contains(self) }
    fileprivate var lowercasedASCII: UInt8 { (0x41...0x5a).contains(self) ? self | 0x20 : self }
}
