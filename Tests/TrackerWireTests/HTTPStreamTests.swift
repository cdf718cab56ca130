import Testing
import Torrent
import TrackerWire

/// HTTP responses of a web seed: framing must be exact, and what they mean for a file.
@Suite struct HTTPStreamTests {
    /// What a reader made of the bytes of a connection.
    private struct Reading: Equatable {
        var heads: [Int] = []
        var bodies: [String] = []
        var isComplete = true
        var error: HTTPStreamError?
    }

    /// Reads the text in pieces of `step` bytes; the connection is closed after it.
    private func read(_ text: [UInt8], step: Int) -> Reading {
        var reader = HTTPStreamReader()
        var reading = Reading()
        var body: [UInt8] = []
        func end() {
            reading.bodies.append(String(decoding: body, as: UTF8.self))
            body = []
        }
        var held: ArraySlice<UInt8> = []
        do throws(HTTPStreamError) {
            for start in stride(from: 0, to: text.count, by: step) {
                held += text[start..<min(start + step, text.count)]
                reading: while true {
                    let (used, event) = try reader.next(in: held)
                    held = held.dropFirst(used)
                    switch event {
                    case .more: break reading
                    case .head(let head): reading.heads.append(head.status)
                    case .body(let count):
                        body += held.prefix(count)
                        held = held.dropFirst(count)
                    case .end: end()
                    }
                }
            }
            if reader.isInResponse {
                reading.isComplete = reader.closed()
                end()
            }
        } catch {
            reading.error = error
        }
        return reading
    }

    @Test(
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", [200], ["abc"], true),
            ("HTTP/1.1 206 Partial\nContent-Length: 3\n\nabc", [206], ["abc"], true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", [200], [""], true),
            ("HTTP/1.1 204 None\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", [204, 200], ["", "x"], true),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", [200], ["x"], true),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: u\r\n\r\n",
                [200], ["abcde"], true
            ),
            ("HTTP/1.0 200 OK\r\n\r\nuntil the end", [200], ["until the end"], true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", [200], ["abc"], false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", [200], ["abc"], false),
            ("HTTP/1.1 200 OK\r\nX: y", [], [""], false),
        ] as [(String, [Int], [String], Bool)])
    func responsesAreFramed(text: String, heads: [Int], bodies: [String], isComplete: Bool) {
        for step in [1, 2, 7, 10_000] {
            #expect(read(Array(text.utf8), step: step) == Reading(heads: heads, bodies: bodies, isComplete: isComplete))
        }
    }

    @Test(
        arguments: [
            ("GET / HTTP/1.1\r\n", .notHTTP), ("<html>", .notHTTP), ("HTTP/1.1 xyz\r\n", .notHTTP),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", .badChunk),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", .badChunk),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", .badChunk),
            ("HTTP/1.1 200 OK\r\n" + String(repeating: "X: y\r\n", count: 10_000), .tooMuchFraming),
            (String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 10_000), .tooMuchFraming),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + String(repeating: "x", count: 100_000),
                .tooMuchFraming
            ),
        ] as [(String, HTTPStreamError)])
    func brokenResponsesAreErrors(text: String, error: HTTPStreamError) {
        for step in [1, 4096] { #expect(read(Array(text.utf8), step: step).error == error) }
    }

    /// Any bytes are read without a trap, and alike however they arrive.
    @Test(arguments: 1...300 as ClosedRange<UInt64>) func anyBytesAreRead(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var text = Array(
            "HTTP/1.1 206 OK\r\nContent-Length: 5\r\nContent-Range: bytes 0-4/9\r\n\r\nabcdeHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                .utf8)
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let at = Int.random(in: 0..<text.count, using: &random)
            switch Int.random(in: 0...3, using: &random) {
            case 0: text[at] = UInt8.random(in: .min ... .max, using: &random)
            case 1: text.remove(at: at)
            case 2: text.insert(contentsOf: text[at..<min(at + 9, text.count)], at: at)
            default: text.insert(UInt8(ascii: "\n"), at: at)
            }
        }
        let whole = read(text, step: text.count)
        #expect(read(text, step: 1) == whole, "seed \(seed)")
    }

    private func head(_ status: String, _ fields: String...) throws -> HTTPStreamHead {
        var reader = HTTPStreamReader()
        let text = "HTTP/1.1 \(status)\r\n" + fields.map { "\($0)\r\n" }.joined() + "\r\n"
        guard case .head(let head) = try reader.next(in: Array(text.utf8)).event else {
            throw HTTPStreamError.notHTTP
        }
        return head
    }

    private func verdict(_ head: HTTPStreamHead, offset: Int64 = 100_000, length: Int = 50_000) -> RangeVerdict {
        head.verdict(offset: offset, length: length, fileLength: 1_000_000, now: 1_800_000_000)
    }

    @Test func answersWithTheRangeAreAccepted() throws {
        let exact = try head(
            "206 Partial Content", "Content-Range: bytes 100000-149999/1000000", "Content-Length: 50000")
        #expect(verdict(exact) == .body(skip: 0, isWhole: false))
        #expect(verdict(try head("206 OK", "Content-Range: bytes 100000-149999/*")) == .body(skip: 0, isWhole: false))
        #expect(
            verdict(try head("206 OK", "Content-Range: bytes 99000-999999/1000000"))
                == .body(skip: 1000, isWhole: false))
        let whole = try head("200 OK", "Content-Length: 1000000")
        #expect(verdict(whole, offset: 0) == .body(skip: 0, isWhole: true))
        #expect(verdict(whole, offset: 48 << 10) == .body(skip: 48 << 10, isWhole: true))
        #expect(verdict(whole) == .ignoresRanges)
        #expect(verdict(try head("302 Found", "Location: /x")) == .redirect("/x"))
    }

    @Test func otherFilesAreLacking() throws {
        for status in ["404 Not Found", "403 Forbidden", "410 Gone", "416 Range Not Satisfiable"] {
            guard case .lacks(let reason) = verdict(try head(status)) else {
                Issue.record("\(status) isn't a verdict on the file")
                continue
            }
            #expect(reason == "the server answered \(status)")
        }
        let other = "its length there is 5 bytes instead of 1000000"
        #expect(verdict(try head("416 No", "Content-Range: bytes */5")) == .lacks(other))
        #expect(verdict(try head("206 OK", "Content-Range: bytes 100000-149999/5")) == .lacks(other))
        #expect(verdict(try head("200 OK", "Content-Length: 5")) == .lacks(other))
    }

    @Test func troublesOfTheServerMakeItRest() throws {
        #expect(
            verdict(try head("503 Busy", "Retry-After: 7"))
                == .failed("it answered 503 Busy", retryAfter: .seconds(7)))
        #expect(
            verdict(
                try head(
                    "429 Slow", "Retry-After: Fri, 15 Jan 2027 08:00:30 GMT", "Date: Fri, 15 Jan 2027 08:00:00 GMT"))
                == .failed("it answered 429 Slow", retryAfter: .seconds(30)))
        #expect(verdict(try head("500 Oops")) == .failed("it answered 500 Oops", retryAfter: nil))
        #expect(
            verdict(try head("200 OK", "Content-Encoding: gzip"))
                == .failed("it compresses its answers (gzip)", retryAfter: nil))
        #expect(
            verdict(try head("200 OK", "Content-Type: text/html", "Content-Length: 30"))
                == .failed("it answered with a web page instead of the file", retryAfter: nil))
        for field in [
            "X: y", "Content-Range: bytes 5-1/9", "Content-Range: bytes 100000-100001/1000000",
            "Content-Type: multipart/byteranges",
        ] {
            guard case .failed = verdict(try head("206 OK", field)) else {
                Issue.record("206 with \(field) is accepted")
                continue
            }
        }
    }

    @Test func connectionsAreKeptAsTheServerSays() throws {
        #expect(try head("200 OK").keepsAlive && head("200 OK").allowsPipelining)
        #expect(try !head("200 OK", "Connection: close").keepsAlive)
        var reader = HTTPStreamReader()
        guard
            case .head(let old) = try reader.next(in: Array("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n".utf8))
                .event
        else { return #expect(Bool(false)) }
        #expect(old.keepsAlive && !old.allowsPipelining)
    }
}
