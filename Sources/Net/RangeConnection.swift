import NIOCore
import TrackerWire

/// The connection of a ``RangeClient``, with the bytes that were read from it and aren't evaluated yet.
struct RangeConnection {
    /// What comes next in the bytes that were read.
    enum Event {
        /// More bytes are needed.
        case more
        case head(HTTPStreamHead)
        /// The first ``bodyBytes`` bytes belong to the body.
        case body
        /// The response is complete; the next one may follow.
        case end
    }

    let channel: any Channel
    let server: String
    /// The number of responses so far.
    private(set) var answers = 0
    private(set) var allowsPipelining = false
    private(set) var closesAfterResponse = false
    private(set) var isReading = true
    /// The number of bytes of a body at the beginning of ``held``.
    private(set) var bodyBytes = 0
    private var held = ByteBuffer()
    private var reader = HTTPStreamReader()

    init(_ channel: any Channel, to server: String) {
        self.channel = channel
        self.server = server
    }

    /// Whether a response has begun and isn't complete.
    var isInResponse: Bool { reader.isInResponse }

    mutating func received(_ bytes: ByteBuffer) {
        if held.readableBytes == 0 { held = bytes } else { held.writeImmutableBuffer(bytes) }
    }

    mutating func next() throws(HTTPStreamError) -> Event {
        if bodyBytes > 0 { return .body }
        let (used, event) = try reader.next(in: held.readableBytesView)
        held.moveReaderIndex(forwardBy: used)
        switch event {
        case .more:
            if held.readableBytes == 0 { held = ByteBuffer() }
            return .more
        case .head(let head):
            answers += 1
            closesAfterResponse = !head.keepsAlive
            allowsPipelining = head.allowsPipelining
            return .head(head)
        case .body(let count):
            bodyBytes = count
            return .body
        case .end: return .end
        }
    }

    /// Takes at most `count` bytes of the body.
    mutating func takeBody(_ count: Int) -> ByteBuffer {
        let count = min(count, bodyBytes)
        bodyBytes -= count
        return held.readSlice(length: count) ?? ByteBuffer()
    }

    /// Drops at most `count` bytes of the body. Returns how many.
    mutating func skipBody(_ count: Int64) -> Int64 {
        let count = Int(min(count, Int64(bodyBytes)))
        held.moveReaderIndex(forwardBy: count)
        bodyBytes -= count
        return Int64(count)
    }

    /// What follows the present response isn't read.
    mutating func closeAfterResponse() { closesAfterResponse = true }

    mutating func setReading(_ isOn: Bool) throws {
        guard isReading != isOn else { return }
        isReading = isOn
        try channel.syncOptions?.setOption(.autoRead, value: isOn)
    }
}
