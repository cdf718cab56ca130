import Bencode
import NIOCore
import Torrent

/// The first message of the extension protocol, and any later one that amends it (BEP 10, BEP 9, BEP 21).
///
/// Every field may be missing. What has the wrong type or a senseless value counts as missing: clients differ, and
/// nothing here is worth a connection. Numbers may be written as strings of digits.
package struct ExtendedHandshake: Hashable, Sendable {
    /// The id of the extended message that is the handshake.
    package static let messageID: UInt8 = 0
    /// The most bytes of a handshake's dictionary; usual ones have some 300.
    package static let maximumBytes = 64 << 10
    /// The most requests that a peer's `reqq` is believed to hold.
    package static let maximumRequestQueue = 65_535
    /// The most bytes of an info dictionary that a peer may offer: 4 Mi pieces' hashes, and as much again for names.
    package static let maximumMetadataBytes = 160 << 20
    /// A handshake is `m` in a dictionary, with some dozen names.
    private static let limits = Bencode.Limits(depth: 8, nodes: 1_024)

    /// `m`: the ids by which the sender wants to be sent the extensions that are known here; 0 turns one off.
    package var extensions: [Extension: UInt8] = [:]
    /// `v`: the sender's client and version, fit to be shown.
    package var client: String?
    /// `p`: the TCP port at which the sender listens.
    package var port: UInt16?
    /// `reqq`: how many requests the sender keeps without dropping any.
    package var requestQueue: Int?
    /// `yourip`: the receiver's address as the sender sees it.
    package var yourHost: PeerAddress.Host?
    /// `metadata_size`: the bytes of the info dictionary (BEP 9).
    package var metadataBytes: Int?
    /// `upload_only`: whether the sender does not download, be it complete or not (BEP 21).
    package var isUploadOnly: Bool?

    package init() {}

    /// Reads the bytes behind the extended message's id.
    package init(payload: ByteBuffer) throws(PeerWireError) {
        guard payload.readableBytes <= Self.maximumBytes else {
            throw Self.malformed("\(payload.readableBytes) bytes, over the limit of \(Self.maximumBytes)")
        }
        let document: BencodeValue
        do {
            document = try Bencode.decode(Array(payload.readableBytesView), limits: Self.limits)
        } catch {
            throw Self.malformed("\(error)")
        }
        guard case .dictionary = document.kind else { throw Self.malformed("it is not a dictionary") }

        for type in Extension.allCases {
            guard let id = document["m"]?.dictionary?[Array(type.name.utf8)]?.number else { continue }
            extensions[type] = UInt8(exactly: id)
        }
        client = document["v"]?.bytes.flatMap { ClientName.displayable($0) }
        port = document["p"]?.number.flatMap { UInt16(exactly: $0) }.flatMap { $0 == 0 ? nil : $0 }
        requestQueue = document["reqq"]?.number.flatMap { $0 < 1 ? nil : Int(min($0, Int64(Self.maximumRequestQueue))) }
        yourHost = document["yourip"]?.bytes.flatMap { PeerAddress(compact: $0 + [0, 0])?.host }
        metadataBytes = document["metadata_size"]?.number.flatMap {
            (1...Int64(Self.maximumMetadataBytes)).contains($0) ? Int($0) : nil
        }
        isUploadOnly = document["upload_only"]?.number.map { $0 != 0 }
    }

    /// The bytes behind the extended message's id.
    package var payload: ByteBuffer {
        var messages = BencodeDictionary()
        for (type, id) in extensions { messages[Array(type.name.utf8)] = .integer(Int64(id)) }
        var document = BencodeDictionary()
        document["m"] = .dictionary(messages)
        document["v"] = client.map { .text($0) }
        document["p"] = port.map { .integer(Int64($0)) }
        document["reqq"] = requestQueue.map { .integer(Int64($0)) }
        document["yourip"] = yourHost.map { .string(Array(PeerAddress($0, port: 0).compact.dropLast(2))) }
        document["metadata_size"] = metadataBytes.map { .integer(Int64($0)) }
        document["upload_only"] = isUploadOnly.map { .integer($0 ? 1 : 0) }
        return ByteBuffer(bytes: Bencode.encode(.dictionary(document)))
    }

    /// The handshake as the message that carries it.
    package var message: PeerMessage { .extended(id: Self.messageID, payload: payload) }

    /// The ids of our own registry for extensions that we offer.
    package static func offer(_ types: some Sequence<Extension>) -> [Extension: UInt8] {
        Dictionary(types.map { ($0, $0.rawValue) }, uniquingKeysWith: { first, _ in first })
    }

    private static func malformed(_ reason: String) -> PeerWireError {
        .malformedExtension(name: "extension handshake", reason: reason)
    }
}
