import Bencode
package import NIOCore
package import Torrent

/// Peers to which the sender has connected, and from which it has disconnected, since its last message (BEP 11).
package struct PeerExchangeMessage: ExtensionMessage {
    package static let type = Extension.peerExchange
    /// The most peers that are read of each list; the rest is ignored. Clients send up to 100.
    package static let mostRead = 200
    /// The maximum size of a message in bytes: three times that of the longest lists that are read.
    package static let maximumBytes = 32 << 10
    private static let limits = Bencode.Limits(depth: 4, nodes: 64)

    package var added: [PeerHint] = []
    package var dropped: [PeerAddress] = []

    package init(added: [PeerHint] = [], dropped: [PeerAddress] = []) {
        self.added = added
        self.dropped = dropped
    }

    /// Reads the message. A list of the wrong type counts as missing, an incomplete address at its end is ignored, and
    /// flags whose number isn't that of the addresses count as 0.
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
        added = Self.hints(document["added"]?.bytes, document["added.f"]?.bytes, length: 6)
        added += Self.hints(document["added6"]?.bytes, document["added6.f"]?.bytes, length: 18)
        dropped = Self.hints(document["dropped"]?.bytes, nil, length: 6).map(\.address)
        dropped += Self.hints(document["dropped6"]?.bytes, nil, length: 18).map(\.address)
    }

    /// `length` is that of an address in bytes.
    private static func hints(_ bytes: [UInt8]?, _ flags: [UInt8]?, length: Int) -> [PeerHint] {
        guard let bytes else { return [] }
        let count = bytes.count / length
        let flags = flags?.count == count ? flags : nil
        return (0..<min(count, mostRead)).compactMap { n in
            PeerAddress(compact: bytes[n * length..<(n + 1) * length]).map {
                PeerHint($0, PeerHint.Flags(rawValue: flags?[n] ?? 0).intersection(.known))
            }
        }
    }

    package var payload: ByteBuffer {
        var document = BencodeDictionary()
        for (suffix, length) in [("", 6), ("6", 18)] {
            func set(_ name: String, _ bytes: [UInt8]) { document[Array(name.utf8)] = .string(bytes) }
            let added = added.map { ($0.address.compact, $0.flags.rawValue) }.filter { $0.0.count == length }
            set("added\(suffix)", added.flatMap(\.0))
            set("added\(suffix).f", added.map(\.1))
            set("dropped\(suffix)", dropped.map(\.compact).filter { $0.count == length }.flatMap(\.self))
        }
        return ByteBuffer(bytes: Bencode.encode(.dictionary(document)))
    }

    private static func malformed(_ reason: String) -> PeerWireError {
        .malformedExtension(name: type.name, reason: reason)
    }
}
