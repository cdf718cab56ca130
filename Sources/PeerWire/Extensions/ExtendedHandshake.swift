import Bencode
package import NIOCore
package import Torrent

/// The first message of the extension protocol, or a later one that amends it (BEP 10, BEP 9, BEP 21).
///
/// Every field is optional. A field with the wrong type or an invalid value counts as missing, because clients differ
/// and no field here is worth closing the connection. Numbers may be written as strings of digits.
package struct ExtendedHandshake: Hashable, Sendable {
    /// The extended message ID of the handshake.
    package static let messageID: UInt8 = 0
    /// The maximum size of a handshake's dictionary in bytes; typical ones have about 300.
    package static let maximumBytes = 64 << 10
    /// The maximum number of requests that is accepted as a peer's `reqq`; larger values are reduced to it.
    package static let maximumRequestQueue = 65_535
    /// The maximum size in bytes of an info dictionary that a peer may offer: the hashes of 4 Mi pieces, and as much
    /// again for names.
    package static let maximumMetadataBytes = 160 << 20
    /// The limits for a handshake, whose main part is the dictionary `m` with about a dozen names.
    private static let limits = Bencode.Limits(depth: 8, nodes: 1_024)

    /// `m`: the IDs under which the sender wants to receive the extensions that we know; 0 turns an extension off.
    package var extensions: [Extension: UInt8] = [:]
    /// `v`: the sender's client and version, safe to display.
    package var client: String?
    /// `p`: the TCP port on which the sender listens.
    package var port: UInt16?
    /// `reqq`: the number of requests that the sender queues without dropping any.
    package var requestQueue: Int?
    /// `yourip`: the receiver's address as seen by the sender.
    package var yourHost: PeerAddress.Host?
    /// `metadata_size`: the size of the info dictionary in bytes (BEP 9).
    package var metadataBytes: Int?
    /// `upload_only`: whether the sender doesn't download, whether or not it is complete (BEP 21).
    package var isUploadOnly: Bool?

    package init() {}

    /// Reads the bytes after the extended message ID.
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

    /// The bytes after the extended message ID.
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

    /// The message that carries the handshake.
    package var message: PeerMessage { .extended(id: Self.messageID, payload: payload) }

    /// The IDs under which we offer these extensions, from our own registry.
    package static func offer(_ types: some Sequence<Extension>) -> [Extension: UInt8] {
        Dictionary(types.map { ($0, $0.rawValue) }, uniquingKeysWith: { first, _ in first })
    }

    private static func malformed(_ reason: String) -> PeerWireError {
        .malformedExtension(name: "extension handshake", reason: reason)
    }
}
