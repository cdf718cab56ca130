import Bencode

/// What the HTTP answers to announces and scrapes have in common: a dictionary, or the reason why there is none.
package enum HTTPAnswer {
    /// The most bytes of an answer's body, unpacked: ``AnnounceResponse/maximumPeers`` peers as dictionaries take less than 1 MiB.
    package static let maximumLength = 2 << 20
    /// The most bytes of a tracker id that are kept and sent back.
    static let maximumTrackerIDLength = 256
    /// How much of an answer that is no bencode is quoted.
    private static let excerptLength = 60

    /// The reason for which a tracker refused, if `body` is bencode that names one; how a tracker explains a status other than 2xx.
    package static func failure(in body: [UInt8]) -> TrackerError? {
        do {
            _ = try dictionary(body)
            return nil
        } catch .failure(let reason, let retry) {
            return .failure(reason: reason, retry: retry)
        } catch {
            // Anything else is the web page of a server: its status says more.
            return nil
        }
    }

    /// The dictionary that the answer is; throws the tracker's `failure reason` (BEP 3, BEP 31).
    static func dictionary(_ body: [UInt8]) throws(TrackerError) -> BencodeDictionary {
        guard let first = body.first else { throw .empty }
        guard first == UInt8(ascii: "d") else { throw .notBencode(excerpt: Printable.text(body, limit: excerptLength)) }
        let value: BencodeValue
        do {
            value = try Bencode.decode(body)
        } catch {
            switch error.code {
            case .truncated: throw .truncated("only \(body.count) bytes arrived")
            // Words that begin with a “d” are no answer either.
            case .unexpectedByte where error.offset == 1: throw .notBencode(excerpt: Printable.text(body, limit: excerptLength))
            default: throw .malformed(error.description)
            }
        }
        guard let dictionary = value.dictionary else { throw .malformed("it is not a dictionary") }
        if let reason = dictionary["failure reason"] {
            throw .failure(reason: Printable.text(reason.bytes ?? Array("no reason given".utf8)), retry: retry(dictionary["retry in"]))
        }
        return dictionary
    }

    /// A count of seconds that is not negative.
    static func seconds(_ value: BencodeValue?) -> Duration? { count(value).map { .seconds($0) } }

    /// A count of peers; what no swarm can have is not believed.
    static func count(_ value: BencodeValue?) -> Int? {
        guard let integer = value?.integer, integer >= 0 else { return nil }
        return Int(min(integer, Int64(UInt32.max)))
    }

    /// Minutes, or `never` (BEP 31); some trackers write the number as a string.
    private static func retry(_ value: BencodeValue?) -> TrackerError.Retry? {
        if let text = value?.text, text == "never" { return .never }
        guard let minutes = value?.integer ?? value?.text.flatMap({ Int64($0) }), minutes >= 0 else { return nil }
        let pause = Duration.seconds(60 * min(minutes, 1440))
        return .after(min(max(pause, AnnounceResponse.intervals.lowerBound), AnnounceResponse.intervals.upperBound))
    }
}
