import Torrent

/// The head of an HTTP response, reduced to what a tracker response needs.
package struct HTTPResponseHead: Hashable, Sendable {
    /// The header fields that are kept; the others are skipped.
    fileprivate static let kept: Set<String> = [
        "content-length", "content-encoding", "transfer-encoding", "location", "retry-after", "date",
    ]
    /// The maximum number of values that are kept for one field, and the maximum length in bytes of a value folded over
    /// several lines.
    private static let maximumValues = 16
    private static let maximumFoldedValue = 8 << 10

    package fileprivate(set) var status: Int
    /// The reason phrase after the status, for messages.
    package fileprivate(set) var phrase: String
    private var fields: [String: [String]] = [:]

    fileprivate init(status: Int, phrase: String) {
        self.status = status
        self.phrase = phrase
    }

    package var isSuccess: Bool { (200..<300).contains(status) }

    /// The values of a field in order; `name` must be in lower case.
    fileprivate func values(_ name: String) -> [String] { fields[name] ?? [] }

    fileprivate mutating func add(_ name: String, _ value: String) {
        guard Self.kept.contains(name), values(name).count < Self.maximumValues else { return }
        fields[name, default: []].append(value)
    }

    fileprivate mutating func extend(_ name: String, by text: String) {
        var values = values(name)
        guard let last = values.last, last.utf8.count + text.utf8.count < Self.maximumFoldedValue else { return }
        values[values.count - 1] = last + " " + text
        fields[name] = values
    }

    /// Whether the server compressed the body for the transfer.
    package var isPacked: Bool { values("content-encoding").contains { $0.lowercased().contains(text: "gzip") } }

    /// The target of a redirect.
    package var location: String? { (300..<400).contains(status) && status != 304 ? values("location").first : nil }

    /// The pause that the server asks for (RFC 9110 section 10.2.3), from a number of seconds or a date; `nil` if there
    /// is no valid value. `now` is Unix time; the server's own `Date` takes precedence over it.
    package func retryAfter(now: Int64) -> Duration? {
        guard let text = values("retry-after").first else { return nil }
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return HTTPAnswer.pause(seconds: Int64(text) ?? .max)
        }
        guard let moment = HTTPDate.parse(text) else { return nil }
        return HTTPAnswer.pause(seconds: moment - (values("date").first.flatMap { HTTPDate.parse($0) } ?? now))
    }
}

/// Reads one HTTP/1 response as trackers behind old servers and proxies send it. The connection isn't used for another
/// response.
///
/// A tracker's response is one small body that either is bencode or isn't. So the reader tolerates everything around
/// the body as long as the body can be found. Lines may end with a bare newline. A length may be missing, repeated,
/// combined with chunks, too long or too short. Unreadable fields are skipped. Everything that a server could send
/// endlessly is limited: the head with its interim responses, the chunk framing, and the body.
package struct HTTPResponseReader: Sendable {
    /// The maximum number of bytes of status lines and fields, including interim responses. Chunk framing may have this
    /// many bytes plus the length of the body.
    package static let maximumHead = 64 << 10
    /// The maximum length in bytes of a framing line between chunks.
    private static let maximumChunkLine = 4 << 10

    /// The expected kind of body.
    package enum Content: Hashable, Sendable {
        /// A tracker response, which is complete when its bencoded value is complete.
        case answer
        /// A .torrent, which is complete when the server says so, whatever its bytes are. For any other file, only the
        /// beginning is read.
        case torrent
    }

    /// The number of bytes after which a body that is not a .torrent isn't read further; they suffice to identify its
    /// kind.
    private static let foreignExcerpt = 512

    /// The next action of the caller.
    package enum Step: Hashable, Sendable {
        /// Read more data.
        case read
        /// Wait a little for more data: the body should have ended, but the response is incomplete.
        case linger
        case done
    }

    private enum State {
        case status
        case fields(HTTPResponseHead, last: String?)
        /// The body of the given length, or all remaining bytes of the connection.
        case body(length: Int?)
        case chunkLine
        case chunk(left: Int)
        /// The server has marked the end of the body.
        case ended
    }

    /// The head; `nil` until it has arrived completely.
    package private(set) var head: HTTPResponseHead?
    package private(set) var body: [UInt8] = []
    private let content: Content
    private let maximumBody: Int
    private var state = State.status
    private var line: [UInt8] = []
    /// Whether the chunk size line has reached its semicolon, after which any byte is allowed.
    private var isExtended = false
    private var framing = 0
    private var extent = BencodeExtent()

    /// `maximumBody` is the maximum number of bytes of a body that are kept.
    package init(_ content: Content = .answer, maximumBody: Int = HTTPAnswer.maximumLength) {
        self.content = content
        self.maximumBody = maximumBody
    }

    /// Processes the next bytes of the connection.
    package mutating func received(_ bytes: some Collection<UInt8>) throws(TrackerError) -> Step {
        var rest = bytes[...]
        while let byte = rest.first {
            switch state {
            case .status, .fields, .chunkLine:
                rest = rest.dropFirst()
                try countFraming()
                if byte == UInt8(ascii: "\n") { try endLine() } else { try extendLine(byte) }
            case .body(let length?) where content == .torrent:
                // Bytes after the file are not part of it.
                try append(rest.prefix(length - body.count))
                if body.count >= length { state = .ended }
                rest = rest[rest.endIndex...]
            case .body:
                try append(rest)
                rest = rest[rest.endIndex...]
            case .chunk(let left):
                let part = rest.prefix(left)
                try append(part)
                rest = rest.dropFirst(part.count)
                if case .chunk = state { state = part.count == left ? .chunkLine : .chunk(left: left - part.count) }
            case .ended:
                return .done
            }
        }
        return step
    }

    /// Processes the end of the connection; no more data will come.
    package mutating func closed() throws(TrackerError) {
        if case .chunkLine = state { try takeLineAsBody() }
        guard head != nil else {
            if case .status = state, line.isEmpty {
                throw .unreachable("the server closed the connection before it answered")
            }
            throw .truncated("the connection was closed within the header of the response")
        }
        guard content == .torrent else { return }
        switch state {
        case .body(let length?): throw .truncated("only \(body.count) of \(length) bytes arrived")
        case .chunk: throw .truncated("only \(body.count) bytes arrived, and the rest of the response is missing")
        default: break
        }
    }

    // MARK: Lines

    private mutating func countFraming() throws(TrackerError) {
        framing += 1
        guard framing > Self.maximumHead + body.count else { return }
        guard head != nil else {
            throw .malformed("the header of the HTTP response is longer than \(Self.maximumHead) bytes")
        }
        throw .malformed("the HTTP response has \(framing) bytes of chunk framing for a body of \(body.count)")
    }

    private mutating func extendLine(_ byte: UInt8) throws(TrackerError) {
        line.append(byte)
        switch state {
        case .status where !Self.mayBeStatus(line):
            throw .malformed("it is not HTTP: “\(Printable.text(line, limit: 40))”")
        case .chunkLine:
            if byte == UInt8(ascii: ";") { isExtended = true }
            guard line.count <= Self.maximumChunkLine else {
                throw .malformed("the size line of an HTTP chunk is longer than \(Self.maximumChunkLine) bytes")
            }
            if !isExtended, !Self.mayBeSize(byte) { try takeLineAsBody() }
        default: break
        }
    }

    private mutating func endLine() throws(TrackerError) {
        while line.last == UInt8(ascii: "\r") { line.removeLast() }
        defer { (line, isExtended) = ([], false) }
        switch state {
        case .status:
            // Some servers send an extra empty line.
            guard !line.isEmpty else { return }
            state = .fields(try Self.status(line), last: nil)
        case .fields(var head, let last):
            if line.isEmpty { return endHead(head) }
            let name = Self.read(field: line, last: last, into: &head)
            state = .fields(head, last: name)
        case .chunkLine:
            // This is the end of the previous chunk, or an extra empty line.
            guard !line.isEmpty else { return }
            let size = Self.chunkSize(line)
            state = size > 0 ? .chunk(left: size) : .ended
        case .body, .chunk, .ended:
            preconditionFailure("these states have no lines")
        }
    }

    private mutating func endHead(_ head: HTTPResponseHead) {
        // This is an interim response; the final response follows (RFC 9110 section 15.2).
        guard !(100..<200).contains(head.status) else { return state = .status }
        self.head = head
        let isPage = content == .torrent && !head.isSuccess
        if head.status == 204 || head.status == 304 || isPage {
            state = .ended
        } else if head.values("transfer-encoding").contains(where: { $0.lowercased().contains(text: "chunked") }) {
            state = .chunkLine
        } else {
            state = .body(length: HTTPField.length(head.values("content-length")).map { Int($0) })
            if case .body(0) = state { state = .ended }
        }
    }

    /// Handles a response that announces chunks but has none, as from proxies that decode chunks and keep the header
    /// field.
    private mutating func takeLineAsBody() throws(TrackerError) {
        guard body.isEmpty else { return state = .ended }
        state = .body(length: nil)
        let start = line
        (line, isExtended) = ([], false)
        try append(start)
    }

    // MARK: Body

    private mutating func append(_ bytes: some Collection<UInt8>) throws(TrackerError) {
        let room = maximumBody - body.count
        body += bytes.prefix(room)
        if content == .answer { extent.scan(body) }
        guard bytes.count > room else { return }
        // The beginning suffices for a page that explains a status or that stands in place of a .torrent.
        guard head.map({ !$0.isSuccess }) ?? true || extent.isWhole || isForeign else {
            throw .tooLarge(limit: maximumBody)
        }
        state = .ended
    }

    private var step: Step {
        if extent.isWhole || isForeign { return .done }
        switch state {
        case .ended: return .done
        case .body(let length?) where body.count >= length:
            return head?.isSuccess == true && extent.isOpen && extent.scanned > 0 ? .linger : .done
        default: return .read
        }
    }

    /// Whether the body can't be a .torrent, judging by its first byte. A compressed body shows this only after
    /// decompression.
    private var isForeign: Bool {
        guard content == .torrent, body.count >= Self.foreignExcerpt, body[0] != UInt8(ascii: "d") else { return false }
        return head?.isPacked != true
    }

    // MARK: Forms

    /// Whether the last byte of a line is valid: the line begins a status line, or consists only of carriage returns.
    private static func mayBeStatus(_ line: [UInt8]) -> Bool {
        let scheme = Array("http/".utf8)
        if line[0] == UInt8(ascii: "\r") { return line[line.count - 1] == UInt8(ascii: "\r") }
        return line.count > scheme.count || line[line.count - 1] | 0x20 == scheme[line.count - 1] | 0x20
    }

    private static func status(_ line: [UInt8]) throws(TrackerError) -> HTTPResponseHead {
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
        guard line.count >= 5, words.count >= 2, words[1].count == 3,
            let status = Int(String(decoding: words[1], as: UTF8.self)), status >= 100
        else { throw .malformed("it is not HTTP: “\(Printable.text(line, limit: 40))”") }
        return HTTPResponseHead(status: status, phrase: words.count > 2 ? Printable.text(words[2], limit: 60) : "")
    }

    /// Adds the field if it is one to keep; returns its name, for a line that continues it.
    private static func read(field line: [UInt8], last: String?, into head: inout HTTPResponseHead) -> String? {
        if HTTPField.isBlank(line[0]) {
            if let last { head.extend(last, by: HTTPField.text(line[...])) }
            return last
        }
        guard let (name, value) = HTTPField.read(line) else { return nil }
        head.add(name, HTTPField.text(value))
        return name
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }

    /// Whether the byte may occur in a chunk size line before the semicolon: a hexadecimal digit, a blank, or the end
    /// of a line.
    private static func mayBeSize(_ byte: UInt8) -> Bool {
        isHex(byte) || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }

    /// The size at the beginning of the line; sizes that are too large for any response become `Int32.max`.
    private static func chunkSize(_ line: [UInt8]) -> Int {
        let digits = line.drop { !isHex($0) && $0 != UInt8(ascii: ";") }.prefix(while: isHex).drop {
            $0 == UInt8(ascii: "0")
        }
        guard digits.count <= 8 else { return Int(Int32.max) }
        return Int(String(decoding: digits, as: UTF8.self), radix: 16) ?? 0
    }
}
