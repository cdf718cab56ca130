package import NIOCore

/// The registry of extension messages (BEP 10). The raw value is the ID under which we want to receive the message; it
/// is never 0.
///
/// To add an extension, add its case and name here, and a file with its ``ExtensionMessage``.
package enum Extension: UInt8, CaseIterable, Hashable, Sendable {
    /// The info dictionary, for peers that have only a magnet link (BEP 9).
    case metadata = 1
    /// Peer exchange (BEP 11).
    case peerExchange = 2
    /// The sender no longer has a piece (BEP 54).
    case dontHave = 3
    /// The sender has started or stopped downloading (BEP 21; the separate message comes from libtorrent).
    case uploadOnly = 4

    /// The extension's key in the dictionary `m` of the extension handshake.
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

    /// Reads the bytes after the extended message ID.
    init(payload: ByteBuffer) throws(PeerWireError)

    /// The bytes after the extended message ID.
    var payload: ByteBuffer { get }
}

/// The IDs under which one peer wants to receive extension messages; each side has its own (BEP 10).
package struct PeerExtensions: Hashable, Sendable {
    private var ids: [Extension: UInt8] = [:]

    package init() {}

    /// Applies a handshake: extensions that it doesn't mention stay unchanged, and an ID of 0 turns an extension off
    /// (BEP 10).
    package mutating func update(with handshake: ExtendedHandshake) {
        for (type, id) in handshake.extensions { ids[type] = id == 0 ? nil : id }
    }

    package func supports(_ type: Extension) -> Bool { ids[type] != nil }

    /// The message with this peer's ID; `nil` if the peer doesn't support the extension.
    package func message<Body: ExtensionMessage>(_ body: Body) -> PeerMessage? {
        ids[Body.type].map { .extended(id: $0, payload: body.payload) }
    }
}
