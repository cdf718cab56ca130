package import NIOCore

/// A decoded extension message (BEP 10).
///
/// To add an extension, add a file with its ``ExtensionMessage``, a case here, and a case in ``Extension``.
/// ``decoder(of:)`` determines which extensions are offered to peers.
package enum ExtendedMessage: Hashable, Sendable {
    case handshake(ExtendedHandshake)
    case metadata(MetadataMessage)
    case peerExchange(PeerExchangeMessage)
    case dontHave(DontHave)
    case uploadOnly(UploadOnly)

    /// Decodes a message that a peer sent with one of our IDs; `nil` for an ID that we didn't offer.
    package init?(id: UInt8, payload: ByteBuffer) throws(PeerWireError) {
        if id == ExtendedHandshake.messageID {
            self = .handshake(try ExtendedHandshake(payload: payload))
        } else if let type = Extension(rawValue: id), let decode = Self.decoder(of: type) {
            self = try decode(payload)
        } else {
            return nil
        }
    }

    /// The extensions that peers may send us, which are all that have a decoder.
    package static var offered: [Extension] { Extension.allCases.filter { decoder(of: $0) != nil } }

    private typealias Decoder = (ByteBuffer) throws(PeerWireError) -> ExtendedMessage

    /// The decoder of an extension; `nil` for an extension of which we only know the name.
    private static func decoder(of type: Extension) -> Decoder? {
        switch type {
        case .dontHave: { (payload) throws(PeerWireError) in .dontHave(try DontHave(payload: payload)) }
        case .uploadOnly: { (payload) throws(PeerWireError) in .uploadOnly(try UploadOnly(payload: payload)) }
        case .metadata: { (payload) throws(PeerWireError) in .metadata(try MetadataMessage(payload: payload)) }
        case .peerExchange:
            { (payload) throws(PeerWireError) in .peerExchange(try PeerExchangeMessage(payload: payload)) }
        }
    }
}
