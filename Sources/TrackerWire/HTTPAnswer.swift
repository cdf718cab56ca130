import Bencode

/// What the HTTP answers to announces and scrapes have in common: a dictionary, or the reason why there is none.
package enum HTTPAnswer {
    /// The most bytes of an answer's body, unpacked: ``AnnounceResponse/maximumPeers`` peers as dictionaries take less
    /// than 1 MiB.
    package static let maximumLength = 2 << 20
    /// The most bytes that are received for one announce or scrape: redirects, TLS, HTTP headers, framing and body
    /// together. It is twice the body, because a server may send that in chunks of a few bytes.
    package static let maximumWireBytes = 4 << 20
    /// The most bytes of a tracker id that are kept and sent back.
    static let maximumTrackerIDLength = 256
    /// How much of an answer that is no bencode is quoted.
    private static let excerptLength = 60
    /// Statuses that are of the host, whatever was asked: 429 Too Many Requests, 503 Service Unavailable.
    static let hostStatuses: Set<Int> = [429, 503]
    /// The most strings of a list that are put together where a sentence was expected.
    private static let maximumSentences = 8

    /// The body that is to be read of a response: also one with a status other than 2xx, where it is an answer (a
    /// server's page for errors may be the tracker itself). Else throws what the server says, and when it wants to be
    /// asked again. `body` is unpacked; `now` is Unix time.
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
            // Anything else is the web page of a server: its status says more.
        }
        throw .status(code: head.status, phrase: head.phrase, retry: pause)
    }

    /// The dictionary that the answer is; throws the tracker's `failure reason` (BEP 3, BEP 31). What stands around it
    /// is skipped: scripts print empty lines and byte order marks before their answer, and newlines after it.
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
            // Words that begin with a “d” are no answer either.
            case .unexpectedByte where error.offset == 1:
                throw .notBencode(excerpt: Printable.text(body, limit: excerptLength))
            default: throw .malformed(error.description)
            }
        }
        guard let dictionary = value.dictionary else { throw .malformed("it is not a dictionary") }
        guard let reason = dictionary["failure reason"] else { return dictionary }
        throw .failure(reason: sentence(reason) ?? "no reason given", retry: retry(dictionary))
    }

    /// White space, and the bytes of a byte order mark, which may stand before an answer.
    static func isPreamble(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x09, 0x0a, 0x0d, 0x20, 0xef, 0xbb, 0xbf: true
        default: false
        }
    }

    /// A sentence of the tracker for the user: a string, several in a list, or a number; `nil` when it says nothing.
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

    /// A whole number; some trackers write it as a string.
    static func number(_ value: BencodeValue?) -> Int64? {
        if let integer = value?.integer { return integer }
        guard let text = value?.text, !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int64(text) ?? .max
    }

    /// A count of seconds that is not negative.
    static func seconds(_ value: BencodeValue?) -> Duration? { count(value).map { .seconds($0) } }

    /// A count of peers; what no swarm can have is not believed.
    static func count(_ value: BencodeValue?) -> Int? {
        guard let number = number(value), number >= 0 else { return nil }
        return Int(min(number, Int64(UInt32.max)))
    }

    /// When a tracker that refused wants to be asked again: minutes or `never` (BEP 31), else the longest of the
    /// intervals that it names beside its refusal.
    private static func retry(_ answer: BencodeDictionary) -> TrackerError.Retry? {
        let wish = answer["retry in"]
        if let text = wish?.text, text == "never" { return .never }
        if let minutes = number(wish), minutes >= 0 {
            return .after(pause(seconds: 60 * min(minutes, 1440)) ?? AnnounceResponse.intervals.lowerBound)
        }
        return [answer["interval"], answer["min interval"]].compactMap { number($0) }.max().flatMap {
            pause(seconds: $0)
        }.map { .after($0) }
    }

    /// A pause that somebody asked for, within ``AnnounceResponse/intervals``; `nil` for none.
    static func pause(seconds: Int64) -> Duration? {
        guard seconds > 0 else { return nil }
        return min(max(.seconds(seconds), AnnounceResponse.intervals.lowerBound), AnnounceResponse.intervals.upperBound)
    }
}
