import Bencode

/// Reads what HTTP responses to announces and scrapes have in common: a dictionary, or the reason for its absence.
package enum HTTPAnswer {
    /// The maximum size in bytes of a decompressed body. ``AnnounceResponse/maximumPeers`` peers as dictionaries take
    /// less than 1 MiB.
    package static let maximumLength = 2 << 20
    /// The maximum number of bytes received for one announce or scrape, including redirects, TLS, HTTP headers, framing
    /// and body. It is twice the limit of the body, because a server may send the body in chunks of a few bytes.
    package static let maximumWireBytes = 4 << 20
    /// The maximum length in bytes of a tracker ID that is kept and sent back.
    static let maximumTrackerIDLength = 256
    /// The number of characters to quote from a response that is not bencode.
    private static let excerptLength = 60
    /// The statuses that apply to the whole host: 429 Too Many Requests, 503 Service Unavailable.
    static let hostStatuses: Set<Int> = [429, 503]
    /// The maximum number of list elements that are joined when a sentence was expected.
    private static let maximumSentences = 8

    /// Returns the body of a response if it is a tracker response. That includes one with a status other than 2xx,
    /// because a server's error page may come from the tracker itself. Otherwise throws the server's reason and the
    /// pause that it asks for. `body` is decompressed; `now` is Unix time.
    package static func body(of head: HTTPResponseHead, _ body: [UInt8], now: Int64) throws(TrackerError) -> [UInt8] {
        let pause = head.retryAfter(now: now).map { TrackerError.Retry.after($0) }
        let isOfHost = hostStatuses.contains(head.status)
        do {
            let answer = try dictionary(body)
            if head.isSuccess
                || !isOfHost
                    && ["peers", "peers6", "interval", "files"].contains(where: { answer[Array($0.utf8)] != nil })
            {
                return body
            }
        } catch .failure(let reason, let retry) {
            guard isOfHost else { throw .failure(reason: reason, retry: retry ?? pause) }
            throw .status(code: head.status, phrase: reason, retry: retry ?? pause)
        } catch {
            if head.isSuccess { throw error }
            // Anything else is a web page from the server, whose status says more.
        }
        throw .status(code: head.status, phrase: head.phrase, retry: pause)
    }

    /// Decodes the dictionary of a response; throws the tracker's `failure reason` (BEP 3, BEP 31). Bytes around the
    /// dictionary are skipped, because scripts print empty lines and byte order marks before it and newlines after it.
    static func dictionary(_ body: [UInt8]) throws(TrackerError) -> BencodeDictionary {
        guard let start = body.firstIndex(where: { !isPreamble($0) }) else { throw .empty }
        guard body[start] == UInt8(ascii: "d") else {
            throw .notBencode(excerpt: Printable.text(body, limit: excerptLength))
        }
        let value: BencodeValue
        do {
            value = try Bencode.decode(start == 0 ? body : Array(body[start...]))
        } catch {
            switch error.code {
            case .truncated: throw .truncated("only \(body.count) bytes arrived")
            // A text that begins with “d” is not a response either.
            case .unexpectedByte where error.offset == 1:
                throw .notBencode(excerpt: Printable.text(body, limit: excerptLength))
            default: throw .malformed(error.description)
            }
        }
        guard let dictionary = value.dictionary else { throw .malformed("it is not a dictionary") }
        guard let reason = dictionary["failure reason"] else { return dictionary }
        throw .failure(reason: sentence(reason) ?? "no reason given", retry: retry(dictionary))
    }

    /// Whether the byte is white space or part of a byte order mark, which may precede a response.
    static func isPreamble(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x09, 0x0a, 0x0d, 0x20, 0xef, 0xbb, 0xbf: true
        default: false
        }
    }

    /// A message from the tracker for the user, from a string, a list of strings or a number; `nil` if it is empty.
    static func sentence(_ value: BencodeValue) -> String? {
        let text =
            switch value.kind {
            case .string(let bytes): Printable.text(bytes)
            case .integer(let number): "\(number)"
            case .list(let values):
                Printable.text(
                    values.prefix(maximumSentences).compactMap { $0.list == nil ? sentence($0) : nil }.joined(
                        separator: "; "
                    ).utf8)
            case .dictionary: ""
            }
        return text.isEmpty ? nil : text
    }

    /// A whole number, which some trackers write as a string.
    static func number(_ value: BencodeValue?) -> Int64? {
        if let integer = value?.integer { return integer }
        guard let text = value?.text, !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int64(text) ?? .max
    }

    /// A non-negative number of seconds.
    static func seconds(_ value: BencodeValue?) -> Duration? { count(value).map { .seconds($0) } }

    /// A non-negative count of peers; counts that no swarm can have are reduced to `UInt32.max`.
    static func count(_ value: BencodeValue?) -> Int? {
        guard let number = number(value), number >= 0 else { return nil }
        return Int(min(number, Int64(UInt32.max)))
    }

    /// When a tracker that refused a request accepts the next one: the minutes or `never` of `retry in` (BEP 31), or
    /// else the longest interval in the refusal.
    private static func retry(_ answer: BencodeDictionary) -> TrackerError.Retry? {
        let value = answer["retry in"]
        if let text = value?.text, text == "never" { return .never }
        if let minutes = number(value), minutes >= 0 {
            return .after(pause(seconds: 60 * min(minutes, 1440)) ?? AnnounceResponse.intervals.lowerBound)
        }
        return [answer["interval"], answer["min interval"]].compactMap { number($0) }.max().flatMap {
            pause(seconds: $0)
        }.map { .after($0) }
    }

    /// A requested pause, clamped to ``AnnounceResponse/intervals``; `nil` if it is not positive.
    static func pause(seconds: Int64) -> Duration? {
        guard seconds > 0 else { return nil }
        return min(max(.seconds(seconds), AnnounceResponse.intervals.lowerBound), AnnounceResponse.intervals.upperBound)
    }
}
