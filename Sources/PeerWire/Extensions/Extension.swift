import NIOCore

/// The registry of extension messages (BEP 10): a raw value is the id under which we want the message to be sent to us,
/// never 0.
///
/// To add one: its case and name here, and a file with its ``ExtensionMessage``.
package enum Extension: UInt8, CaseIterable, Hashable, Sendable {
    /// The info dictionary for those who have a magnet link only (BEP 9).
    case metadata = 1
    /// Peers for peers (BEP 11).
    case peerExchange = 2
    /// A piece that the sender no longer has (BEP 54).
    case dontHave = 3
    /// The sender has begun or ceased to download (BEP 21; as a message of its own it is libtorrent's).
    case uploadOnly = 4

    /// The key in the dictionary `m` of the extension handshake.
    package var name: String {
        switch self {
        case .metadata: "ut_metadata"
        case .peerExchange: "ut_pex"
        case .dontHave: "lt_donthave"
        case .uploadOnly: "upload_only"
        }
    }
}

/// The body of an extension message.
package protocol ExtensionMessage: Hashable, Sendable {
    static var type: Extension { get }

    /// Reads the bytes behind the extended message's id.
    init(payload: ByteBuffer) throws(PeerWireError)

    /// The bytes behind the extended message's id.
    var payload: ByteBuffer { get }
}

/// The ids by which one peer wants its extension messages to be named; each side has its own (BEP 10).
package struct PeerExtensions: Hashable, Sendable {
    private var ids: [Extension: UInt8] = [:]

    package init() {}

    /// Takes in a handshake: what it doesn't mention stays, and an id of 0 turns an extension off (BEP 10).
    package mutating func update(with handshake: ExtendedHandshake) {
        for (type, id) in handshake.extensions { ids[type] = id == 0 ? nil : id }
    }

    package func supports(_ type: Extension) -> Bool { ids[type] != nil }

    /// The message as this peer understands it; `nil` when it doesn't.
    package func message<Body: ExtensionMessage>(_ body: Body) -> PeerMessage? {
        ids[Body.type].map { .extended(id: $0, payload: body.payload) }
    }
}
