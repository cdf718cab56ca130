import Torrent

/// The head of an HTTP response whose body is streamed, reduced to what a web seed needs.
package struct HTTPStreamHead: Hashable, Sendable {
    /// The most values of one field, and the most bytes of a value, that are kept.
    private static let mostValues = 4
    private static let mostBytes = 8 << 10
    private static let kept: Set<String> = [
        "connection", "content-encoding", "content-length", "content-range", "content-type", "date", "location",
        "retry-after", "transfer-encoding",
    ]

    package let status: Int
    /// The reason phrase after the status, for messages.
    package let phrase: String
    /// Whether the server speaks HTTP/1.1 or later.
    private let isPersistent: Bool
    private var fields: [String: [String]] = [:]

    /// Reads a status line; `nil` if it isn't one.
    init?(statusLine line: [UInt8]) {
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
        guard words.count >= 2, line.starts(with: "HTTP/1.".utf8), words[0].count == 8, words[1].count == 3,
            let status = Int(String(decoding: words[1], as: UTF8.self)), status >= 100
        else { return nil }
        self.status = status
        phrase = words.count > 2 ? Printable.text(words[2], limit: 60) : ""
        isPersistent = words[0].last != UInt8(ascii: "0")
    }

    /// Adds a field if it is one to keep.
    mutating func add(line: [UInt8]) {
        guard let (name, value) = HTTPField.read(line), Self.kept.contains(name), values(name).count < Self.mostValues
        else { return }
        let text = HTTPField.text(value.prefix(Self.mostBytes))
        if !text.isEmpty { fields[name, default: []].append(text) }
    }

    private func values(_ name: String) -> [String] { fields[name] ?? [] }

    private func has(_ name: String, _ word: String) -> Bool {
        values(name).contains { $0.lowercased().contains(text: word) }
    }

    package var isSuccess: Bool { (200..<300).contains(status) }

    /// The length of the body; `nil` if none is given, or several that differ.
    package var length: Int64? { HTTPField.length(values("content-length")) }

    package var isChunked: Bool { has("transfer-encoding", "chunked") }

    /// The name of the compression, if the body is compressed.
    package var encoding: String? {
        values("content-encoding").first { !$0.isEmpty && $0.lowercased() != "identity" }
            .map { Printable.text($0.utf8, limit: 20) }
    }

    /// Whether the body is a page for people.
    package var isPage: Bool { has("content-type", "text/html") }

    package var isMultipart: Bool { has("content-type", "multipart/") }

    /// Whether the connection can be used for another response.
    package var keepsAlive: Bool {
        if has("connection", "close") { return false }
        return isPersistent || has("connection", "keep-alive")
    }

    /// Whether requests may be sent before earlier ones are answered (RFC 9112 section 9.3.2).
    package var allowsPipelining: Bool { isPersistent && keepsAlive }

    /// The target of a redirect.
    package var location: String? { (300..<400).contains(status) && status != 304 ? values("location").first : nil }

    /// The range of the body in its file, and the length of the file unless the server doesn't know it (RFC 9110
    /// section 14.4); `nil` if there is none.
    package var range: (range: ClosedRange<Int64>, total: Int64?)? {
        guard let text = values("content-range").first?.lowercased(), text.hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).split(separator: "/")
        guard parts.count == 2 else { return nil }
        let ends = parts[0].split(separator: "-").map { Int64($0.filter { $0 != " " }) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first >= 0, first <= last else { return nil }
        return (first...last, Int64(parts[1].filter { $0 != " " }))
    }

    /// The length of the file in the answer to a range that lies beyond it (RFC 9110 section 15.5.17).
    package var unsatisfiedTotal: Int64? {
        guard let text = values("content-range").first, let slash = text.firstIndex(of: "/") else { return nil }
        return Int64(text[text.index(after: slash)...].filter { $0 != " " })
    }

    /// The pause that the server asks for, from a number of seconds or a date (RFC 9110 section 10.2.3); at most a day.
    /// `now` is Unix time; the server's own `Date` takes precedence over it.
    package func retryAfter(now: Int64) -> Duration? {
        guard let text = values("retry-after").first else { return nil }
        let seconds: Int64
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            seconds = Int64(text) ?? .max
        } else if let moment = HTTPDate.parse(text) {
            seconds = moment - (values("date").first.flatMap { HTTPDate.parse($0) } ?? now)
        } else {
            return nil
        }
        return .seconds(max(0, min(seconds, 86_400)))
    }
}
