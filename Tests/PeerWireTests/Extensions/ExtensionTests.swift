import NIOCore
import PeerWire
import Testing

@Suite struct ExtensionTests {
    @Test func extensionsHaveUniqueNamesAndNonZeroIDs() {
        #expect(Set(Extension.allCases.map(\.name)).count == Extension.allCases.count)
        #expect(Extension(rawValue: ExtendedHandshake.messageID) == nil)
    }

    @Test func messageIDsComeFromThePeer() throws {
        var peer = PeerExtensions()
        #expect(peer.message(DontHave(piece: 7)) == nil)
        peer.update(
            with: try ExtendedHandshake(
                payload: ByteBuffer(string: "d1:md11:lt_donthavei9e11:upload_onlyi200e7:unknowni3eee")))
        #expect(peer.message(DontHave(piece: 7)) == .extended(id: 9, payload: ByteBuffer(bytes: [0, 0, 0, 7])))
        #expect(peer.message(UploadOnly(true)) == .extended(id: 200, payload: ByteBuffer(bytes: [1])))
        #expect(!peer.supports(.metadata))
    }

    @Test func laterHandshakesAmendTheFirst() throws {
        var peer = PeerExtensions()
        peer.update(with: try ExtendedHandshake(payload: ByteBuffer(string: "d1:md11:lt_donthavei9e6:ut_pexi2eee")))
        peer.update(with: try ExtendedHandshake(payload: ByteBuffer(string: "d1:md6:ut_pexi0eee")))
        #expect(peer.supports(.dontHave))
        #expect(!peer.supports(.peerExchange))
    }

    @Test(arguments: [0, 1, 0x0102_0304, .max] as [UInt32]) func dontHaveRoundTrips(piece: UInt32) throws {
        let message = DontHave(piece: piece)
        #expect(message.payload == ByteBuffer(integer: piece))
        #expect(try DontHave(payload: message.payload) == message)
    }

    @Test func uploadOnlyRoundTrips() throws {
        #expect(try UploadOnly(payload: UploadOnly(true).payload) == UploadOnly(true))
        #expect(try UploadOnly(payload: UploadOnly(false).payload) == UploadOnly(false))
        #expect(try UploadOnly(payload: ByteBuffer(bytes: [2])) == UploadOnly(true))
    }

    /// What is behind a message changes nothing; one that is too short says nothing.
    @Test(arguments: [0, 1, 2, 3, 4, 5, 100]) func shortMessagesAreRejectedAndExtraBytesIgnored(count: Int) throws {
        let payload = ByteBuffer(repeating: 0, count: count)
        if count < 4 {
            #expect(throws: PeerWireError.self) { try DontHave(payload: payload) }
        } else {
            #expect(try DontHave(payload: payload).piece == 0)
        }
        if count < 1 {
            #expect(throws: PeerWireError.self) { try UploadOnly(payload: payload) }
        } else {
            #expect(try !UploadOnly(payload: payload).isUploadOnly)
        }
    }
}

@Suite struct ExtendedMessageTests {
    /// What is offered is what is decoded, and nothing else is accepted.
    @Test func offeredExtensionsAreExactlyTheDecodedOnes() throws {
        #expect(Set(ExtendedMessage.offered) == [.metadata, .peerExchange, .dontHave, .uploadOnly])
        for id in 1...255 as ClosedRange<UInt8> {
            let payload =
                switch Extension(rawValue: id) {
                case .metadata: MetadataMessage(block: 0, .reject).payload
                case .peerExchange: PeerExchangeMessage().payload
                default: ByteBuffer(bytes: [0, 0, 0, 1])
                }
            let message = try ExtendedMessage(id: id, payload: payload)
            let isOffered = ExtendedMessage.offered.contains { $0.rawValue == id }
            #expect((message != nil) == isOffered, "id \(id)")
        }
        let handshake = try ExtendedMessage(id: ExtendedHandshake.messageID, payload: ByteBuffer(string: "de"))
        #expect(handshake == .handshake(ExtendedHandshake()))
    }
}
