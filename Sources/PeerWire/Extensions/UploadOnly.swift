package import NIOCore

/// The sender has stopped downloading, or started again: the `upload_only` of the extension handshake on an established
/// connection (BEP 21).
package struct UploadOnly: ExtensionMessage {
    package static let type = Extension.uploadOnly

    package let isUploadOnly: Bool

    package init(_ isUploadOnly: Bool) { self.isUploadOnly = isUploadOnly }

    /// Reads the message and ignores bytes after the flag.
    package init(payload: ByteBuffer) throws(PeerWireError) {
        guard let flag = payload.getInteger(at: payload.readerIndex, as: UInt8.self) else {
            throw .malformedExtension(name: Self.type.name, reason: "it is empty")
        }
        isUploadOnly = flag != 0
    }

    package var payload: ByteBuffer { ByteBuffer(integer: UInt8(isUploadOnly ? 1 : 0)) }
}
