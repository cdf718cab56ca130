import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression
import TrackerWire

/// Unpacks a body in one go, through NIO's handler in a channel of its own.
enum Gunzip {
    /// Whether the bytes begin as gzip does (RFC 1952), whatever the server says of them.
    static func isPacked(_ body: [UInt8]) -> Bool { body.starts(with: [0x1f, 0x8b]) }

    /// The packed bytes that are unpacked at a time, so that what comes of them doesn't pile up.
    private static let portion = 64 << 10

    /// What the bytes hold, as far as they are whole: a body that is cut off gives its beginning.
    static func unpack(_ body: [UInt8], limit: Int) throws(TrackerError) -> [UInt8] {
        let channel = EmbeddedChannel(handler: NIOHTTPResponseDecompressor(limit: .size(limit)))
        var unpacked: [UInt8] = []
        do {
            try feed(body, channel) { unpacked += $0.readableBytesView }
        } catch NIOHTTPDecompression.DecompressionError.limit {
            throw .tooLarge(limit: limit)
        } catch {
            // What can be read before the damage may be the whole answer.
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
