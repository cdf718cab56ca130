package import NIOCore

/// The sender no longer has a piece that it announced earlier: the reverse of `have` (BEP 54).
package struct DontHave: ExtensionMessage {
    package static let type = Extension.dontHave

    /// The piece as the peer sent it, not checked against the torrent.
    package let piece: UInt32

    package init(piece: UInt32) { self.piece = piece }

    /// Reads the message and ignores bytes after the piece number.
    package init(payload: ByteBuffer) throws(PeerWireError) {
        guard let piece = payload.getInteger(at: payload.readerIndex, as: UInt32.self) else {
            throw .malformedExtension(
                name: Self.type.name, reason: "\(payload.readableBytes) bytes, fewer than 4")
        }
        self.piece = piece
    }

    package var payload: ByteBuffer { ByteBuffer(integer: piece) }
}
