package import NIOCore
package import Torrent

/// The first 68 bytes of a connection in each direction (BEP 3).
package struct Handshake: Hashable, Sendable {
    /// The eight reserved bytes as one big-endian number; unknown bits are kept.
    package struct Reserved: OptionSet, Hashable, Sendable {
        package let rawValue: UInt64

        package init(rawValue: UInt64) { self.rawValue = rawValue }

        /// The peer supports the extension protocol: bit 20 from the right (BEP 10).
        package static let extensionProtocol = Self(rawValue: 0x10_0000)
        /// The peer supports the fast extension: the third-lowest bit of the last byte (BEP 6).
        package static let fast = Self(rawValue: 0x04)
        /// The peer runs a DHT node and accepts `port` messages: the lowest bit of the last byte (BEP 5).
        package static let dht = Self(rawValue: 0x01)
    }

    package static let byteCount = 68

    package let reserved: Reserved
    package let infoHash: InfoHash
    package let peerID: PeerID

    package init(reserved: Reserved, infoHash: InfoHash, peerID: PeerID) {
        self.reserved = reserved
        self.infoHash = infoHash
        self.peerID = peerID
    }
}

extension Handshake {
    /// The length of the protocol's name, followed by the name (BEP 3).
    private static let opening: [UInt8] = [19] + Array("BitTorrent protocol".utf8)
    private static let infoHashOffset = opening.count + 8
    private static let peerIDOffset = infoHashOffset + InfoHash.byteCount

    /// Reads a handshake from the front of the buffer; returns `nil` and leaves the buffer unchanged if more bytes are
    /// needed.
    ///
    /// Anything other than a handshake is rejected at its first wrong byte, so that we don't wait for a peer that
    /// doesn't speak the protocol.
    package static func decode(_ buffer: inout ByteBuffer) throws(PeerWireError) -> Handshake? {
        let start = buffer.readerIndex
        guard let infoHash = try infoHash(in: buffer),
            let reserved = buffer.getInteger(at: start + opening.count, as: UInt64.self),
            let id = buffer.viewBytes(at: start + peerIDOffset, length: PeerID.byteCount), let peerID = PeerID(id)
        else { return nil }
        buffer.moveReaderIndex(forwardBy: byteCount)
        return Handshake(reserved: Reserved(rawValue: reserved), infoHash: infoHash, peerID: peerID)
    }

    /// The info hash of a handshake whose first 48 bytes have arrived; `nil` if more bytes are needed.
    ///
    /// An incoming peer is assigned to its torrent by the info hash, and some peers send their peer ID only after they
    /// have seen ours (BEP 3).
    package static func infoHash(in buffer: ByteBuffer) throws(PeerWireError) -> InfoHash? {
        for (offset, (seen, expected)) in zip(buffer.readableBytesView, opening).enumerated() where seen != expected {
            throw .notBitTorrent(offset: offset)
        }
        return buffer.viewBytes(at: buffer.readerIndex + infoHashOffset, length: InfoHash.byteCount).flatMap {
            InfoHash($0)
        }
    }

    /// Appends the 68 bytes.
    package func append(to buffer: inout ByteBuffer) {
        buffer.writeBytes(Self.opening)
        buffer.writeInteger(reserved.rawValue)
        buffer.writeBytes(infoHash.bytes)
        buffer.writeBytes(peerID.bytes)
    }
}
