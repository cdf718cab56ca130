import NIOPosix
import Net
import Testing

@Suite struct TorrentFetcherTests {
    private func fetch(_ reply: RawHTTPServer.Reply, limit: Int = 1000, user: String = "") async throws -> Result<
        [UInt8], TorrentFetchError
    > {
        let server = try await RawHTTPServer.start { _ in reply }
        let fetcher = TorrentFetcher(
            group: MultiThreadedEventLoopGroup.singleton, options: HTTPOptions(version: "test"), maximumBytes: limit)
        let result: Result<[UInt8], TorrentFetchError>
        do {
            result = .success(try await fetcher.fetch("http://\(user)127.0.0.1:\(server.port)/a%20b.torrent?k=v"))
        } catch {
            result = .failure(error)
        }
        await fetcher.shutdown()
        #expect(server.heads.first?.hasPrefix("GET /a%20b.torrent?k=v HTTP/1.1\r\n") == true)
        #expect(server.heads.first?.lowercased().contains("\r\nauthorization: basic ") == !user.isEmpty)
        try await server.stop()
        return result
    }

    @Test func passwordIsNotShownInErrors() async throws {
        _ = try await fetch(.page("200 OK", Array("de".utf8)), user: "user:secret@").get()
        guard case .failure(let error) = try await fetch(.page("403 Forbidden", []), user: "user:secret@") else {
            Issue.record("no error")
            return
        }
        #expect(!error.description.contains("secret"))
    }

    @Test func plainAndCompressedFilesAreFetched() async throws {
        let body = Array("d4:info".utf8) + (0..<900).map { UInt8($0 & 255) }
        #expect(try await fetch(.page("200 OK", body)) == .success(body))
        #expect(try await fetch(.page("200 OK", Gzip.stored(body), "Content-Encoding: gzip\r\n")) == .success(body))
    }

    @Test(
        arguments: [
            (.page("404 Not Found", []), "answered 404 Not Found"),
            (.page("403 Forbidden", Array("<html>".utf8)), "answered 403 Forbidden"),
            (.page("200 OK", Gzip.stored(Array("d4:info".utf8))), "gunzip"),
            (.page("200 OK", Array("<!DOCTYPE html>".utf8)), "is not a .torrent: “<!DOCTYPE html>”"),
            (.page("200 OK", []), "the answer is empty"),
            (.page("200 OK", Array(repeating: 0x64, count: 1001)), "longer than 1000 bytes"),
            (.page("200 OK", Gzip.bomb(megabytes: 1), "Content-Encoding: gzip\r\n"), "longer than 1000 bytes"),
            (.page("200 OK", Gzip.stored(Array("d4:infodee".utf8))), "compressed with gzip"),
            (.endless(head: "HTTP/1.0 200 OK\r\n\r\n", Array("<html><body>".utf8)), "is not a .torrent: “<html>"),
        ] as [(RawHTTPServer.Reply, String)])
    func invalidResponsesAreRejected(_ reply: RawHTTPServer.Reply, _ sentence: String) async throws {
        guard case .failure(let error) = try await fetch(reply) else {
            Issue.record("no error")
            return
        }
        #expect(error.description.contains(sentence), "\(error)")
        #expect(error.description.contains("127.0.0.1"))
    }

    private static func head(_ fields: String) -> [UInt8] { Array("HTTP/1.1 200 OK\r\n\(fields)\r\n\r\n".utf8) }

    /// A file is what the server says, neither less nor more, whatever its bencode looks like on the way.
    @Test(
        arguments: [
            (.bytes(head("Content-Length: 2") + Array("de and more".utf8)), "de"),
            (.bytes(head("Content-Length: 6") + Array("dede\r\n".utf8)), "dede\r\n"),
            (
                .bytes(
                    head("Transfer-Encoding: chunked") + Array("2\r\nd4\r\n6;x=y\r\n:infoe\r\n0\r\nX: y\r\n\r\n".utf8)),
                "d4:infoe"
            ),
            (.bytes(head("X: y") + Array("d4:infoe".utf8)), "d4:infoe"),
            (.stall(head("Content-Length: 2") + Array("de".utf8)), "de"),
        ] as [(RawHTTPServer.Reply, String)])
    func fileEndsWhereTheServerSays(_ reply: RawHTTPServer.Reply, _ expected: String) async throws {
        #expect(try await fetch(reply) == .success(Array(expected.utf8)))
    }

    @Test(
        arguments: [
            (.bytes(head("Content-Length: 9") + Array("de".utf8)), "cut off: only 2 of 9 bytes arrived"),
            (.bytes(head("Transfer-Encoding: chunked") + Array("9\r\nde".utf8)), "cut off: only 2 bytes arrived"),
            (.bytes(Array("HTTP/1.1 200 OK\r\nX: y\r\n".utf8)), "within the header of the response"),
            (.bytes([]), "before it answered"),
            (.bytes(Array("SSH-2.0-OpenSSH\r\n".utf8)), "it is not HTTP"),
            (.page("302 Found", [], "Location: /a%20b.torrent?k=v\r\n"), "redirects in a loop"),
            (.endless(head: "HTTP/1.1 404 Not Found\r\n\r\n", Array("<html>".utf8)), "answered 404 Not Found"),
        ] as [(RawHTTPServer.Reply, String)])
    func truncatedFileIsRejected(_ reply: RawHTTPServer.Reply, _ sentence: String) async throws {
        guard case .failure(let error) = try await fetch(reply) else {
            Issue.record("no error")
            return
        }
        #expect(error.description.contains(sentence) && !error.description.contains("tracker"), "\(error)")
    }

    /// Much more than a read brings, packed and unpacked.
    @Test func longFileIsFetchedWhole() async throws {
        let body = Array("d".utf8) + (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 8) }
        #expect(try await fetch(.page("200 OK", body), limit: body.count) == .success(body))
    }

    @Test(arguments: ["ubuntu.torrent", "udp://h:1/x.torrent", "ftp://h/x.torrent"])
    func otherURLsAreRejected(_ text: String) async throws {
        let fetcher = TorrentFetcher(
            group: MultiThreadedEventLoopGroup.singleton, options: HTTPOptions(version: "test"))
        await #expect(throws: TorrentFetchError.self) { try await fetcher.fetch(text) }
        await fetcher.shutdown()
    }
}
