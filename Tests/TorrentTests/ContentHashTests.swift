import Testing
import Torrent

/// Hashes of whole files, whose bytes come in parts.
struct ContentHashTests {
    private func digest(_ hash: ContentHash, _ bytes: [UInt8], parts: [Int] = []) -> String {
        var hasher = ContentHasher(hash)
        var rest = bytes[...]
        for part in parts {
            Array(rest.prefix(part)).withUnsafeBytes { hasher.update($0) }
            rest = rest.dropFirst(part)
        }
        Array(rest).withUnsafeBytes { hasher.update($0) }
        return Hex.encode(hasher.digest)
    }

    /// The test suite of RFC 1321.
    @Test(arguments: [
        ("", "d41d8cd98f00b204e9800998ecf8427e"), ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"), ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "d174ab98d277d9f5a5611c2c9f419d9f"
        ),
        (
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "57edf4a22be3c955ac49da2e2107b67a"
        ),
    ]) func md5AnswersItsTestSuite(text: String, expected: String) {
        #expect(digest(.md5, Array(text.utf8)) == expected)
    }

    @Test(arguments: 0..<100) func partsDoNotMatter(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = (0..<Int.random(in: 0...1000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
        }
        let parts = (0..<Int.random(in: 0...12, using: &random)).map { _ in Int.random(in: 0...150, using: &random) }
        #expect(digest(.sha1, bytes, parts: parts) == Hex.encode(SHA1.hash(bytes)), "seed \(seed)")
        #expect(digest(.sha256, bytes, parts: parts) == Hex.encode(SHA256.hash(bytes)), "seed \(seed)")
        #expect(digest(.md5, bytes, parts: parts) == digest(.md5, bytes), "seed \(seed)")
    }

    @Test func digitsTellTheHash() {
        #expect(ContentHash(hexDigits: 32) == .md5 && ContentHash(hexDigits: 40) == .sha1)
        #expect(ContentHash(hexDigits: 64) == .sha256 && ContentHash(hexDigits: 128) == nil)
    }
}

/// The SHA-256 of files, from pieces in order.
struct FileDigesterTests {
    /// Files of any lengths, also none, and padding, and pieces some of which are bad or weren't read.
    @Test(arguments: 0..<150) func aFileHasADigestExactlyIfAllItsPiecesWereGood(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let files = (0..<Int.random(in: 1...8, using: &random)).map { n in
            FileEntry(
                path: ["f\(n)"], length: Int64([0, 1, 63, 64, 65, 500, 2000].randomElement(using: &random) ?? 1),
                isPad: Int.random(in: 0...5, using: &random) == 0)
        }
        let layout = try #require(FileLayout(files: files))
        let geometry = try #require(
            Geometry(totalBytes: layout.totalBytes, pieceLength: Int.random(in: 1...300, using: &random)))
        let content = (0..<Int(layout.totalBytes)).map { _ in UInt8.random(in: 0...255, using: &random) }
        let isClean = seed % 3 == 0
        var good = Bitfield(count: geometry.pieceCount)
        var digester = FileDigester(layout: layout, geometry: geometry)
        var found: [Int: SHA256Digest] = [:]
        for piece in geometry.pieces {
            let fate = isClean ? 2 : Int.random(in: 0...9, using: &random)
            // Not read at all, bad, or good.
            guard fate != 0 else { continue }
            let start = Int(geometry.offset(of: piece))
            let bytes = Array(content[start..<start + geometry.length(of: piece)])
            if fate != 1 { good.insert(piece) }
            for digest in bytes.withUnsafeBytes({ digester.add(piece, fate == 1 ? nil : $0) }) {
                #expect(found.updateValue(digest.sha256, forKey: digest.file) == nil, "seed \(seed): twice")
            }
        }
        for file in layout.files {
            let isWhole = layout.pieces(of: file.index, geometry: geometry).allSatisfy { good[$0] }
            let expected =
                isWhole && !file.isPad && !file.isEmpty
                ? SHA256.hash(Array(content[Int(file.offset)..<Int(file.end)])) : nil
            #expect(found[file.index] == expected, "seed \(seed): file \(file.index)")
        }
    }
}
