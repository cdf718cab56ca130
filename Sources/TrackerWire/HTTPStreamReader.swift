/// Reads the HTTP/1 responses of one connection, one after the other, and leaves the bytes of their bodies to the
/// caller.
///
/// The framing must be exact, because the bytes of a body have to be placed and the connection is used again. What a
/// server could send without end is limited: heads with their interim responses, and the framing of chunks.
package struct HTTPStreamReader: Sendable {
    /// The most bytes of a head, with interim responses before it.
    package static let maximumHead = 32 << 10

    /// What comes next in the bytes of the connection.
    package enum Event: Equatable, Sendable {
        /// More bytes are needed.
        case more
        case head(HTTPStreamHead)
        /// So many bytes of the body follow here; the caller skips them.
        case body(Int)
        /// The response is complete; the next one may follow.
        case end
    }

    private enum State {
        case status
        case fields(HTTPStreamHead)
        case body(left: Int64)
        /// The body ends with the connection.
        case endless
        case chunkSize
        case chunk(left: Int64)
        case chunkEnd
        case trailer
        case ended
    }

    private var state = State.status
    private var line: [UInt8] = []
    private var overhead = 0
    private var bodyBytes: Int64 = 0

    package init() {}

    /// Whether a response has begun and isn't complete.
    package var isInResponse: Bool {
        if case .status = state { overhead > 0 } else { true }
    }

    /// Reads on. Returns how many of the bytes are used up, without those of a body, and what comes next.
    package mutating func next(in bytes: some Collection<UInt8>) throws(HTTPStreamError) -> (used: Int, event: Event) {
        var rest = bytes[...]
        var used = 0
        while true {
            switch state {
            case .body(let left):
                if left == 0 {
                    state = .ended
                    continue
                }
                return (used, take(left, rest.count) { .body(left: $0) })
            case .chunk(let left):
                if left == 0 {
                    state = .chunkEnd
                    continue
                }
                return (used, take(left, rest.count) { .chunk(left: $0) })
            case .endless: return (used, rest.isEmpty ? .more : .body(rest.count))
            case .ended:
                state = .status
                (overhead, bodyBytes) = (0, 0)
                return (used, .end)
            case .status, .fields, .chunkSize, .chunkEnd, .trailer:
                guard let byte = rest.first else { return (used, .more) }
                rest = rest.dropFirst()
                used += 1
                overhead += 1
                // Chunks may have as many bytes of framing as of the body.
                guard Int64(overhead) <= Int64(Self.maximumHead) + bodyBytes else {
                    throw .tooMuchFraming
                }
                guard byte == UInt8(ascii: "\n") else {
                    line.append(byte)
                    if line.count > Self.maximumHead { throw .tooMuchFraming }
                    if case .status = state, line.count <= 5, !"HTTP/".utf8.starts(with: line) { throw .notHTTP }
                    continue
                }
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                defer { line.removeAll(keepingCapacity: true) }
                if let head = try endLine() { return (used, .head(head)) }
            }
        }
    }

    private mutating func take(_ left: Int64, _ available: Int, _ next: (Int64) -> State) -> Event {
        let count = Int(min(left, Int64(available)))
        guard count > 0 else { return .more }
        bodyBytes += Int64(count)
        state = next(left - Int64(count))
        return .body(count)
    }

    /// Handles a whole line. Returns the head that it completes.
    private mutating func endLine() throws(HTTPStreamError) -> HTTPStreamHead? {
        switch state {
        case .status:
            guard !line.isEmpty else { return nil }
            guard let head = HTTPStreamHead(statusLine: line) else { throw .notHTTP }
            state = .fields(head)
        case .fields(var head):
            guard line.isEmpty else {
                head.add(line: line)
                state = .fields(head)
                return nil
            }
            // An interim response; the final one follows (RFC 9110 section 15.2).
            guard head.status >= 200 else {
                state = .status
                return nil
            }
            begin(head)
            return head
        case .chunkSize:
            let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
            guard !digits.isEmpty, digits.count <= 15,
                let size = Int64(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0
            else { throw .badChunk }
            state = size == 0 ? .trailer : .chunk(left: size)
        case .chunkEnd:
            guard line.isEmpty else { throw .badChunk }
            state = .chunkSize
        case .trailer:
            if line.isEmpty { state = .ended }
        case .body, .endless, .chunk, .ended:
            preconditionFailure("these states have no lines")
        }
        return nil
    }

    private mutating func begin(_ head: HTTPStreamHead) {
        if head.status == 204 || head.status == 304 {
            state = .ended
        } else if head.isChunked {
            state = .chunkSize
        } else if let length = head.length {
            state = .body(left: length)
        } else {
            state = .endless
        }
    }

    /// The connection was closed. Returns whether that completes the response.
    package func closed() -> Bool {
        if case .endless = state { true } else { false }
    }
}

/// Why the bytes of a connection are no HTTP responses.
package enum HTTPStreamError: Error, Hashable, Sendable {
    case notHTTP, badChunk, tooMuchFraming

    package var description: String {
        switch self {
        case .notHTTP: "its answer is not HTTP"
        case .badChunk: "its answer has broken chunks"
        case .tooMuchFraming: "the head of its answer is longer than \(HTTPStreamReader.maximumHead) bytes"
        }
    }
}
