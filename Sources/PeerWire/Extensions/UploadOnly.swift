import NIOCore

/// The sender has ceased to download, or begun again: the extension handshake's `upload_only` on a connection that
/// stands already (BEP 21).
package struct UploadOnly: ExtensionMessage {
    package static let type = Extension.uploadOnly

    package let isUploadOnly: Bool

    package init(_ isUploadOnly: Bool) { self.isUploadOnly = isUploadOnly }

    /// Bytes behind the flag are ignored.
    package init(payload: ByteBuffer) throws(PeerWireError) {
        guard let flag = payload.getInteger(at: payload.readerIndex, as: UInt8.self) else {
            throw .malformedExtension(name: Self.type.name, reason: "it is empty")
        }
        isUploadOnly = flag != 0
    }

    package var payload: ByteBuffer { ByteBuffer(integer: UInt8(isUploadOnly ? 1 : 0)) }
}
