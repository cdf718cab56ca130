import Bencode
package import NIOCore

/// A block of the info dictionary: asked for, delivered, or refused (BEP 9).
///
/// The message is a bencoded dictionary, and after a `data` dictionary come the bytes of the block.
package struct MetadataMessage: ExtensionMessage {
    package static let type = Extension.metadata
    /// The size of every block except the last, in bytes.
    package static let blockBytes = 16 << 10
    /// The index of the last block that metadata can have.
    private static let lastBlock = (ExtendedHandshake.maximumMetadataBytes - 1) / blockBytes
    /// The limits for the dictionary, which has three keys.
    private static let limits = Bencode.Limits(depth: 4, nodes: 32)

    package enum Body: Hashable, Sendable {
        case request
        /// `bytes` is the block; some clients send the whole metadata at once. `total` is the size of the whole
        /// metadata as the sender states it, which not all do correctly.
        case data(bytes: ByteBuffer, total: Int?)
        case reject
        /// A type of a later protocol, which has to be ignored (BEP 9).
        case unknown(Int64)
    }

    /// The index of the block, counted from 0.
    package let block: Int
    package let body: Body

    package init(block: Int, _ body: Body) {
        self.block = block
        self.body = body
    }

    package init(payload: ByteBuffer) throws(PeerWireError) {
        let bytes = Array(payload.readableBytesView)
        let document: BencodeValue
        do {
            document = try Bencode.decode(bytes, limits: Self.limits)
        } catch {
            throw Self.malformed("\(error)")
        }
        guard case .dictionary = document.kind else { throw Self.malformed("it is not a dictionary") }
        guard let type = document["msg_type"]?.number else { throw Self.malformed("it has no msg_type") }
        guard let piece = document["piece"]?.number, (0...Int64(Self.lastBlock)).contains(piece) else {
            throw Self.malformed("it has no valid piece")
        }
        block = Int(piece)
        switch type {
        case 0: body = .request
        case 1:
            var rest = payload
            rest.moveReaderIndex(forwardBy: document.range.upperBound)
            body = .data(bytes: rest, total: document["total_size"]?.number.flatMap { Int(exactly: $0) })
        case 2: body = .reject
        default: body = .unknown(type)
        }
    }

    package var payload: ByteBuffer {
        var document = BencodeDictionary()
        document["msg_type"] =
            switch body {
            case .request: 0
            case .data: 1
            case .reject: 2
            case .unknown(let type): .integer(type)
            }
        document["piece"] = .integer(Int64(block))
        guard case .data(let bytes, let total) = body else {
            return ByteBuffer(bytes: Bencode.encode(.dictionary(document)))
        }
        document["total_size"] = total.map { .integer(Int64($0)) }
        var buffer = ByteBuffer(bytes: Bencode.encode(.dictionary(document)))
        buffer.writeImmutableBuffer(bytes)
        return buffer
    }

    private static func malformed(_ reason: String) -> PeerWireError {
        .malformedExtension(name: type.name, reason: reason)
    }
}
