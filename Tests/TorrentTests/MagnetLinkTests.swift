import Testing
import Torrent

private let hex = "0123456789abcdef0123456789abcdef01234567"
private let digest = String(repeating: "ab", count: 32)

struct MagnetLinkTests {
    /// Links as they are found, and their canonical form.
    @Test(
        arguments: [
            ("magnet:?xt=urn:btih:\(hex)", "xt=urn:btih:\(hex)"),
            ("  MAGNET:?XT=URN:BTIH:\(hex.uppercased())\n", "xt=urn:btih:\(hex)"),
            ("magnet:?xt=urn:btih:AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH", "xt=urn:btih:\(hex)"),
            ("magnet:?xt=urn:btih:aerukz4jvpg66ajdivtytk6n54asgrlh", "xt=urn:btih:\(hex)"),
            ("magnet:?xt=urn%3abtih%3A\(hex)", "xt=urn:btih:\(hex)"),
            ("magnet:?xt.1=urn:btih:\(hex)&xt.2=urn:btih:\(hex)", "xt=urn:btih:\(hex)"),
            ("magnet:?xt=urn:sha1:ABC&xt=urn:btih:\(hex)&xt=urn:btmh:1114ab", "xt=urn:btih:\(hex)"),
            (
                "magnet:?xt=urn:btmh:1220\(digest.uppercased())&xt=urn:btih:\(hex)",
                "xt=urn:btih:\(hex)&xt=urn:btmh:1220\(digest)"
            ),
            // Unknown keys, keys without a value, and a suffix that isn't a number.
            ("magnet:?x&&=&=1&dht=1.2.3.4:5&dn.x=a&dn.=b&kt=a+b&xt=urn:btih:\(hex)", "xt=urn:btih:\(hex)"),
            ("magnet:?xt=urn:btih:\(hex)&dn=A+b%2Bc%20%C3%BC&dn=second", "xt=urn:btih:\(hex)&dn=A%20b%2Bc%20%C3%BC"),
            ("magnet:?xt=urn:btih:\(hex)&dn=", "xt=urn:btih:\(hex)"),
            ("magnet:?xt=urn:btih:\(hex)&dn=100%&amp;dn=x", "xt=urn:btih:\(hex)&dn=100%25"),
            ("magnet:?xt=urn:btih:\(hex)&amp;dn=a=b", "xt=urn:btih:\(hex)&dn=a%3Db"),
            ("magnet:?xt=urn:btih:\(hex)&dn=caf%E9%zz%4", "xt=urn:btih:\(hex)&dn=caf%C3%A9%25zz%254"),
            (
                "magnet:?tr.2=udp://a:1/x+y&TR=http%3A%2F%2Fb%2F%3Fk%3D1%26l&tr=wss://c&tr=udp://a:1/x+y&tr=%FF"
                    + "&xt=urn:btih:\(hex)",
                "xt=urn:btih:\(hex)&tr=udp%3A%2F%2Fa%3A1%2Fx%2By&tr=http%3A%2F%2Fb%2F%3Fk%3D1%26l"
            ),
            (
                "magnet:?xt=urn:btih:\(hex)&ws=https://a/b%2520c&ws=ftp://d",
                "xt=urn:btih:\(hex)&ws=https%3A%2F%2Fa%2Fb%2520c"
            ),
            (
                "magnet:?xt=urn:btih:\(hex)&x.pe=[2001:DB8::1]:80&x.pe.1=1.2.3.4:5&x.pe=Host.Example:6881",
                "xt=urn:btih:\(hex)&x.pe=%5B2001:db8::1%5D:80&x.pe=1.2.3.4:5&x.pe=host.example:6881"
            ),
            ("magnet:?xt=urn:btih:\(hex)&so=7,4-6,0,2-2,5,", "xt=urn:btih:\(hex)&so=0,2,4-7"),
            ("magnet:?xt=urn:btih:\(hex)&so=&so=1&so=2,9", "xt=urn:btih:\(hex)&so=1-2,9"),
        ])
    func linksAreReadAndPrintedInTheirCanonicalForm(text: String, canonical: String) throws {
        let link = try MagnetLink(text)
        #expect(link.description == "magnet:?" + canonical)
        #expect(try MagnetLink(link.description) == link)
    }

    @Test func fieldsOfALinkAreItsValues() throws {
        let link = try MagnetLink(
            "magnet:?xt=urn:btih:\(hex)&xt=urn:btmh:1220\(digest)&dn=a%2Fb&tr=udp://t:1&ws=http://w/&x.pe=h:1&so=3")
        #expect(link.infoHash == InfoHash(hex: hex))
        #expect(link.v2.map { Hex.encode($0) } == digest)
        #expect(link.name == "a/b")
        #expect(link.trackers == ["udp://t:1"])
        #expect(link.webSeeds == ["http://w/"])
        #expect(link.peers == [MagnetPeer("h:1")])
        #expect(link.files == [3...3])
    }

    @Test(
        arguments: [
            ("", .notAMagnetLink), ("magnet:", .notAMagnetLink), ("http://x/?xt=urn:btih:\(hex)", .notAMagnetLink),
            ("magnet:?", .noInfoHash), ("magnet:?dn=x", .noInfoHash), ("magnet:?xt=urn:sha1:\(hex)", .noInfoHash),
            ("magnet:?xt=urn:btih:", .badInfoHash), ("magnet:?xt=urn:btih:\(hex.dropLast())", .badInfoHash),
            ("magnet:?xt=urn:btih:\(hex)0", .badInfoHash), ("magnet:?xt=urn:btih:\(hex.dropLast())g", .badInfoHash),
            ("magnet:?xt=urn:btih:1ERUKZ4JVPG66AJDIVTYTK6N54ASGRLH", .badInfoHash),
            // The Kelvin sign, whose lower case is `k`.
            ("magnet:?xt=urn:btih:AERU\u{212a}Z4JVPG66AJDIVTYTK6N54ASG", .badInfoHash),
            ("magnet:?xt=urn:btmh:1220\(digest)", .versionTwoOnly),
            ("magnet:?xt=urn:btmh:1220\(digest)0&xt=urn:btih:\(hex)", .badV2Hash),
            ("magnet:?xt=urn:btih:\(hex)&xt=urn:btih:\(String(hex.reversed()))", .severalTorrents),
            (
                "magnet:?xt=urn:btmh:1220\(digest)&xt=urn:btmh:1220\(String(repeating: "cd", count: 32))",
                .severalTorrents
            ),
            ("magnet:?xt=urn:btih:\(hex)&so=a", .badFileSelection),
            ("magnet:?xt=urn:btih:\(hex)&so=-1", .badFileSelection),
            ("magnet:?xt=urn:btih:\(hex)&so=1-", .badFileSelection),
            ("magnet:?xt=urn:btih:\(hex)&so=1-2-3", .badFileSelection),
            ("magnet:?xt=urn:btih:\(hex)&so=3-2", .badFileSelection),
            ("magnet:?xt=urn:btih:\(hex)&so=+1", .badFileSelection),
            ("magnet:?xt=urn:btih:\(hex)&so=\(Metainfo.maximumFileCount)", .badFileSelection),
            ("magnet:?xt=urn:btih:\(hex)&so=99999999999999999999", .badFileSelection),
            (
                "magnet:?xt=urn:btih:\(hex)&so="
                    + (0...MagnetLink.maximumFileRanges).map { "\($0 * 2)" }.joined(separator: ","), .badFileSelection
            ),
            ("magnet:?" + String(repeating: "x", count: MagnetLink.maximumBytes), .tooLong(bytes: 100_008)),
        ] as [(String, MagnetLinkError)])
    func unusableLinkIsRejectedWithItsReason(text: String, error: MagnetLinkError) {
        #expect(throws: error) { try MagnetLink(text) }
        let sentence = error.description
        #expect(!sentence.contains("\n") && !sentence.hasSuffix(".") && sentence.contains("magnet link"))
    }

    @Test(arguments: [
        "", ":", "host", "host:", ":80", "host:0", "host:65536", "host:+1", "1.2.3.4:0", "0.0.0.0:80", "256.1.1.1:80",
        "a..b:80", "-a:80", "a-:80", "a b:80", "ü:80", "::1:80", "[::1]", "0x7f.1:80",
        String(repeating: "a", count: 64) + ":80", String(repeating: "a.", count: 130) + "a:80",
    ])
    func unusablePeerIsLeftOut(peer: String) throws {
        #expect(MagnetPeer(peer) == nil)
        #expect(try MagnetLink("magnet:?xt=urn:btih:\(hex)&x.pe=\(peer)").peers.isEmpty)
    }

    @Test func countsAreLimitedAndTheFirstValuesKept() throws {
        var text = "magnet:?xt=urn:btih:\(hex)&dn=" + String(repeating: "ü", count: 600)
        for n in 0..<300 { text += "&tr=udp://t:\(n)&ws=http://w/\(n)&x.pe=1.2.3.4:\(n + 1)" }
        let link = try MagnetLink(text)
        #expect(link.trackers == (0..<MagnetLink.maximumURLCount).map { "udp://t:\($0)" })
        #expect(link.webSeeds == (0..<MagnetLink.maximumURLCount).map { "http://w/\($0)" })
        #expect(link.peers.map(\.description) == (1...MagnetLink.maximumPeerCount).map { "1.2.3.4:\($0)" })
        #expect(link.name == String(repeating: "ü", count: MagnetLink.maximumNameBytes / 2))
        #expect(try MagnetLink(link.description) == link)
    }

    /// Encoding makes a link longer, so a link within the limit could become one that is over it.
    @Test func printedLinkStaysWithinTheLimit() throws {
        let url = "http://t/" + String(repeating: "/", count: 1000)
        var text = "magnet:?xt=urn:btih:\(hex)"
        for n in 0..<95 { text += "&tr=\(url)\(n)" }
        let link = try MagnetLink(text)
        #expect(link.trackers == (0..<link.trackers.count).map { "\(url)\($0)" })
        #expect((20..<95).contains(link.trackers.count))
        #expect(link.description.utf8.count <= MagnetLink.maximumBytes)
        #expect(try MagnetLink(link.description) == link)
    }

    /// The longest links of one kind of parameter, which must not take long.
    @Test(arguments: ["&", "x&", "=&", "tr=udp://a&", "dn=%&", "so=1&", "so=,,,,&", "x.pe=a:1&", "%", "x.1.1.1.1=&"])
    func longestLinksAreReadInOnePass(parameter: String) throws {
        let head = "magnet:?xt=urn:btih:\(hex)&"
        let count = (MagnetLink.maximumBytes - head.utf8.count) / parameter.utf8.count
        let text = head + String(repeating: parameter, count: count)
        if parameter.hasPrefix("so=1") {
            #expect(throws: MagnetLinkError.badFileSelection) { try MagnetLink(text) }
        } else {
            #expect(try MagnetLink(text).infoHash == InfoHash(hex: hex))
        }
    }

    /// Every mutant is read or refused, and what is read is the same after it is printed.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func mutantsRoundTripOrAreRejected(seed: UInt64) throws {
        let original = Array(
            """
            magnet:?xt=urn:btih:\(hex)&xt=urn:btmh:1220\(digest)&dn=A+name%20of%20%C3%BC&tr=udp%3A%2F%2Ft%3A1\
            &tr.1=http://u:p@h/a%3Fb%26c&ws=https://w/%23/x&x.pe=1.2.3.4:5&x.pe=%5B::1%5D:6&x.pe=host:7&so=0,2,4-7&z=1
            """.utf8)
        let special = Array("&=%+.,-:/?#[]0159aAfFzZ \u{0}\u{7f}\u{80}\u{ff}".utf8)
        var generator = SeededGenerator(seed: seed)
        var readCount = 0
        for _ in 0..<200 {
            var bytes = original
            for _ in 0...Int.random(in: 0...3, using: &generator) {
                let at = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[at] = special.randomElement(using: &generator) ?? 0
                case 1: bytes.insert(special.randomElement(using: &generator) ?? 0, at: at)
                case 2: bytes.remove(at: at)
                default: bytes.replaceSubrange(at..<min(at + 9, bytes.count), with: original[..<at].suffix(9))
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            guard let link = try? MagnetLink(text) else { continue }
            readCount += 1
            #expect(try MagnetLink(link.description) == link, "seed \(seed): \(text)")
        }
        #expect((20...195).contains(readCount), "the mutants of seed \(seed) test only one of both outcomes")
    }
}
