import NIOCore
import PeerWire
import Testing
import Torrent

@Suite struct ExtendedHandshakeTests {
    @Test func extendedHandshakeMatchesTheWireFormat() throws {
        var handshake = ExtendedHandshake()
        handshake.extensions = ExtendedHandshake.offer([.uploadOnly, .metadata])
        handshake.client = "pieces 0.1.0"
        handshake.port = 6881
        handshake.requestQueue = 500
        handshake.yourHost = .v4(0x7f00_0001)
        handshake.metadataBytes = 31_235
        handshake.isUploadOnly = true
        let text =
            "d1:md11:upload_onlyi4e11:ut_metadatai1ee13:metadata_sizei31235e1:pi6881e4:reqqi500e11:upload_onlyi1e1:v12:pieces 0.1.06:yourip4:"
        #expect(Array(handshake.payload.readableBytesView) == Array(text.utf8) + [127, 0, 0, 1, UInt8(ascii: "e")])
        #expect(try ExtendedHandshake(payload: handshake.payload) == handshake)
        #expect(handshake.message == .extended(id: 0, payload: handshake.payload))
    }

    @Test func emptyHandshakeRoundTrips() throws {
        #expect(try ExtendedHandshake(payload: ExtendedHandshake().payload) == ExtendedHandshake())
        #expect(try ExtendedHandshake(payload: ByteBuffer(string: "de")) == ExtendedHandshake())
    }

    @Test func ipv6AddressRoundTrips() throws {
        var handshake = ExtendedHandshake()
        handshake.yourHost = .v6(0x2001_0db8_0000_0000, 1)
        #expect(try ExtendedHandshake(payload: handshake.payload) == handshake)
    }

    /// Senseless values count as missing and leave the rest as it is.
    @Test(arguments: [
        "d1:mi1ee", "d1:mle1:v0:e", "d1:pi0ee", "d1:pi65536ee", "d1:pi-1ee", "d1:p5:port8e", "d4:reqqi0ee",
        "d4:reqqi-9223372036854775808ee",
        "d1:vi7ee",
        "d1:v3:\u{1}\u{2}\u{3}e", "d6:yourip3:abce", "d6:yourip0:e", "d13:metadata_sizei0ee",
        "d13:metadata_sizei9223372036854775807ee",
        "d11:upload_only3:yese", "d1:p20:18446744073709551615e",
        "d1:md11:ut_metadatai256eee", "d1:md11:ut_metadatai-1eee", "d1:md11:ut_metadata1:xee",
        "d4:reqqi-99999999999999999999ee", "d1:pi99999999999999999999ee", "d3:zzzi1ee", "d1:vi1e1:mdee", "deXYZ",
    ]) func invalidValuesAreIgnored(_ text: String) throws {
        #expect(try ExtendedHandshake(payload: ByteBuffer(string: text)) == ExtendedHandshake())
    }

    /// Keys out of order, a key twice, superfluous zeros, numbers as text, bytes behind the end.
    @Test(arguments: [
        "d4:reqqi0500e1:pi6881e1:md11:ut_metadatai2eee", "d1:md11:ut_metadatai2ee1:pi6881e1:pi6881e4:reqqi500ee",
        "d1:md11:ut_metadata1:2e1:p4:68814:reqq3:500e", "d1:md11:ut_metadatai2ee1:pi6881e4:reqqi500ee\r\n",
    ]) func nonCanonicalFormsAreAccepted(_ text: String) throws {
        let handshake = try ExtendedHandshake(payload: ByteBuffer(string: text))
        #expect(handshake.extensions == [.metadata: 2])
        #expect(handshake.port == 6881)
        #expect(handshake.requestQueue == 500)
    }

    @Test func requestQueueIsLimited() throws {
        let handshake = try ExtendedHandshake(payload: ByteBuffer(string: "d4:reqqi9223372036854775807ee"))
        #expect(handshake.requestQueue == ExtendedHandshake.maximumRequestQueue)
    }

    @Test(arguments: [
        "", "i1e", "le", "d", "d1:m", "d1:mdi1ee", "x", "d1:v99999999999:xe", String(repeating: "l", count: 10_000),
        "d1:z" + "l" + String(repeating: "i1e", count: 5_000) + "ee",
        "d1:v70000:" + String(repeating: "v", count: 70_000) + "e",
    ]) func malformedHandshakeIsRejected(_ text: String) throws {
        let error = try #require(
            #expect(throws: PeerWireError.self) { try ExtendedHandshake(payload: ByteBuffer(string: text)) })
        #expect(error.description.contains("extension handshake"))
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func mutantsNeverTrap(batch: UInt64) throws {
        var whole = ExtendedHandshake()
        whole.extensions = ExtendedHandshake.offer(Extension.allCases)
        whole.client = "client"
        whole.yourHost = .v4(1)
        whole.metadataBytes = 1
        for seed in batch * 50..<batch * 50 + 50 {
            var generator = SeededGenerator(seed: seed)
            var payload = whole.payload
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                payload.setInteger(
                    UInt8(truncatingIfNeeded: generator.next()),
                    at: Int.random(in: 0..<payload.readableBytes, using: &generator))
            }
            payload.moveWriterIndex(
                to: Int.random(in: payload.readableBytes / 2...payload.readableBytes, using: &generator))
            let decoded = Result { try ExtendedHandshake(payload: payload) }
            if case .success(let handshake) = decoded {
                #expect(try ExtendedHandshake(payload: handshake.payload) == handshake, "seed \(seed)")
            }
        }
    }
}
