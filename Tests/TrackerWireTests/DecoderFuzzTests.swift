import Testing
import Torrent
import TrackerWire

/// No bytes of a tracker may trap: every decoder gives a value within its limits, or a typed error of bounded length.
@Suite struct DecoderFuzzTests {
    private static let body =
        utf8("d8:completei3e10:incompletei4e8:intervali1800e12:min intervali300e5:peers12:") + [
            10, 0, 0, 1, 26, 225, 10, 0, 0, 2, 26, 226,
        ]
        + utf8("6:peers6ld2:ip11:2001:db8::34:porti3eee10:tracker id2:xy15:warning message2:hie")
    private static let packets: [[UInt8]] = [
        [0, 0, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8],
        [0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 14, 16, 0, 0, 0, 2, 0, 0, 0, 3, 10, 0, 0, 1, 0, 80],
        [0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], [0, 0, 0, 3, 0, 0, 0, 7, 110, 111],
    ]

    @Test func everyPrefixOfAResponseIsTruncated() throws {
        _ = try AnnounceResponse(httpBody: Self.body)
        for count in 1..<Self.body.count {
            let error = try trackerError { () throws(TrackerError) in
                try AnnounceResponse(httpBody: Array(Self.body.prefix(count)))
            }
            #expect(error == .truncated("only \(count) bytes arrived"))
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func mutatedHTTPResponsesStayWithinLimits(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let body = Self.mutated(Self.body, &random)
            do {
                let response = try AnnounceResponse(httpBody: body)
                #expect(response.peers.count <= AnnounceResponse.maximumPeers)
                #expect(response.peers.allSatisfy { $0.isDialable })
                #expect(AnnounceResponse.intervals.contains(response.interval))
            } catch {
                #expect(error.description.utf8.count < 1000, "seed \(seed)")
            }
            do {
                _ = try ScrapeResponse(httpBody: body, to: ScrapeRequest([Samples.infoHash], over: .http))
            } catch {
                #expect(error.description.utf8.count < 1000, "seed \(seed)")
            }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func mutatedPacketsStayWithinLimits(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let bytes = Self.mutated(Self.packets.randomElement(using: &random)!, &random)
            do {
                if case .announce(_, let response) = try UDPTrackerResponsePacket(
                    bytes, overIPv6: Bool.random(using: &random))
                {
                    #expect(AnnounceResponse.intervals.contains(response.interval))
                }
            } catch {
                #expect(error.description.utf8.count < 1000, "seed \(seed)")
            }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func mutatedURLsAreConsistentOrRejected(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let text = String(
                decoding: Self.mutated(utf8("https://[2001:db8::1]:8443/x/announce?passkey=a%20b#f"), &random),
                as: UTF8.self)
            do {
                let url = try TrackerURL(text)
                // What is shown is the URL, but for a password.
                let again = try TrackerURL(url.description)
                #expect(
                    again == url || url.authorization != nil && again.requestURL() == url.requestURL(), "seed \(seed)")
                #expect(url.requestURL(query: "q").hasSuffix("q"))
            } catch {
                #expect(error.description.utf8.count < 1000, "seed \(seed)")
            }
        }
    }

    static func mutated(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let at = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes.insert(contentsOf: random.bytes(Int.random(in: 1...8, using: &random)), at: at)
            case 1: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...8, using: &random)))
            case 2: bytes.insert(contentsOf: bytes.suffix(from: at).prefix(30), at: at)
            default: if at < bytes.count { bytes[at] = UInt8(truncatingIfNeeded: random.next()) }
            }
        }
        return bytes
    }
}
