import NIOCore

/// An extension message, decoded (BEP 10).
///
/// To add one: a file with its ``ExtensionMessage``, its case here, and its case in ``Extension``. The extensions that
/// are offered to peers follow from ``decoder(of:)``.
package enum ExtendedMessage: Hashable, Sendable {
    case handshake(ExtendedHandshake)
    case dontHave(DontHave)
    case uploadOnly(UploadOnly)

    /// Decodes a message that a peer sent with one of our ids; `nil` for an id that we didn't offer.
    package init?(id: UInt8, payload: ByteBuffer) throws(PeerWireError) {
        if id == ExtendedHandshake.messageID {
            self = .handshake(try ExtendedHandshake(payload: payload))
        } else if let type = Extension(rawValue: id), let decode = Self.decoder(of: type) {
            self = try decode(payload)
        } else {
            return nil
        }
    }

    /// The extensions that peers may send us: all that are decoded.
    package static var offered: [Extension] { Extension.allCases.filter { decoder(of: $0) != nil } }

    private typealias Decoder = (ByteBuffer) throws(PeerWireError) -> ExtendedMessage

    /// `nil` for an extension that is only known by its name.
    private static func decoder(of type: Extension) -> Decoder? {
        switch type {
        case .dontHave: { (payload) throws(PeerWireError) in .dontHave(try DontHave(payload: payload)) }
        case .uploadOnly: { (payload) throws(PeerWireError) in .uploadOnly(try UploadOnly(payload: payload)) }
        case .metadata, .peerExchange: nil
        }
    }
}
