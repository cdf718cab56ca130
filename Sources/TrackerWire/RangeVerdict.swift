/// What a web seed's answer to a request for a range means (BEP 19).
package enum RangeVerdict: Hashable, Sendable {
    /// The body begins with so many bytes that weren't asked for, and then has the range. If `isWhole`, the body goes
    /// on to the end of the file.
    case body(skip: Int64, isWhole: Bool)
    case redirect(String)
    /// The server doesn't have the file as the torrent has it. The text follows the file's name.
    case lacks(String)
    case ignoresRanges
    /// Nothing can be fetched for a while. The text follows the server's name.
    case failed(String, retryAfter: Duration?)
}

extension HTTPStreamHead {
    /// The most bytes before a range that are read for nothing, because some servers send small files whole.
    package static let mostSkipped: Int64 = 48 << 10

    /// Judges the answer to a request for `length` bytes at `offset` of a file of `fileLength` bytes.
    /// `now` is Unix time.
    package func verdict(offset: Int64, length: Int, fileLength: Int64, now: Int64) -> RangeVerdict {
        if let location { return .redirect(location) }
        switch status {
        case 206: return partial(offset: offset, length: length, fileLength: fileLength)
        case 200: return whole(offset: offset, length: length, fileLength: fileLength)
        case 403, 404, 410, 451: return .lacks("the server answered \(answer)")
        case 416:
            guard let total = unsatisfiedTotal, total != fileLength else {
                return .lacks("the server answered \(answer)")
            }
            return .lacks(Self.otherLength(total, fileLength))
        case 429, 503: return .failed("it answered \(answer)", retryAfter: retryAfter(now: now))
        default: return .failed("it answered \(answer)", retryAfter: retryAfter(now: now))
        }
    }

    private var answer: String { phrase.isEmpty ? "\(status)" : "\(status) \(phrase)" }

    private static func otherLength(_ found: Int64, _ expected: Int64) -> String {
        "its length there is \(found) bytes instead of \(expected)"
    }

    private func partial(offset: Int64, length: Int, fileLength: Int64) -> RangeVerdict {
        if let encoding { return .failed("it compresses its answers (\(encoding))", retryAfter: nil) }
        guard !isMultipart, let (range, total) = range else {
            return .failed("it answered 206 without a readable Content-Range", retryAfter: nil)
        }
        if let total, total != fileLength { return .lacks(Self.otherLength(total, fileLength)) }
        guard range.lowerBound <= offset, offset - range.lowerBound <= Self.mostSkipped,
            range.upperBound >= offset + Int64(length) - 1
        else {
            return .failed(
                "it answered with the range \(range.lowerBound)-\(range.upperBound) instead of \(offset)-\(offset + Int64(length) - 1)",
                retryAfter: nil)
        }
        return .body(skip: offset - range.lowerBound, isWhole: false)
    }

    private func whole(offset: Int64, length: Int, fileLength: Int64) -> RangeVerdict {
        if let encoding { return .failed("it compresses its answers (\(encoding))", retryAfter: nil) }
        if let found = self.length, found != fileLength {
            return isPage
                ? .failed("it answered with a web page instead of the file", retryAfter: nil)
                : .lacks(Self.otherLength(found, fileLength))
        }
        if self.length == nil, isPage, offset + Int64(length) < fileLength || offset > 0 {
            return .failed("it answered with a web page instead of the file", retryAfter: nil)
        }
        guard offset <= Self.mostSkipped else { return .ignoresRanges }
        return .body(skip: offset, isWhole: true)
    }
}
