import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression
import TrackerWire

/// Decompresses a whole body with NIO's decompression handler in an embedded channel.
enum Gunzip {
    /// Whether the bytes begin with the gzip signature (RFC 1952), whatever the server's headers say.
    static func isPacked(_ body: [UInt8]) -> Bool { body.starts(with: [0x1f, 0x8b]) }

    /// The number of compressed bytes that are decompressed at a time, which limits the size of the intermediate
    /// output.
    private static let portion = 64 << 10

    /// Decompresses the bytes. A truncated or damaged body yields the part before the damage.
    static func unpack(_ body: [UInt8], limit: Int) throws(TrackerError) -> [UInt8] {
        let channel = EmbeddedChannel(handler: NIOHTTPResponseDecompressor(limit: .size(limit)))
        var unpacked: [UInt8] = []
        do {
            try feed(body, channel) { unpacked += $0.readableBytesView }
        } catch NIOHTTPDecompression.DecompressionError.limit {
            throw .tooLarge(limit: limit)
        } catch {
            // The data before the damage may be the whole response.
            guard !unpacked.isEmpty else { throw .malformed("its compressed body is damaged") }
        }
        return unpacked
    }

    private static func feed(_ body: [UInt8], _ channel: EmbeddedChannel, _ take: (ByteBuffer) -> Void) throws {
        let head = NIOHTTP1.HTTPResponseHead(version: .http1_1, status: .ok, headers: ["Content-Encoding": "gzip"])
        try feed(.head(head), channel, take)
        for start in stride(from: 0, to: body.count, by: portion) {
            try feed(.body(ByteBuffer(bytes: body[start...].prefix(portion))), channel, take)
        }
        try feed(.end(nil), channel, take)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    private static func feed(_ part: HTTPClientResponsePart, _ channel: EmbeddedChannel, _ take: (ByteBuffer) -> Void)
        throws
    {
        let result = Result { try channel.writeInbound(part) }
        while case .body(let bytes)? = try readBody(channel) { take(bytes) }
        _ = try result.get()
    }

    private static func readBody(_ channel: EmbeddedChannel) throws -> HTTPClientResponsePart? {
        while let part = try channel.readInbound(as: HTTPClientResponsePart.self) {
            if case .body = part { return part }
        }
        return nil
    }
}
