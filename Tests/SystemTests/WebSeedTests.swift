import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Downloads from real web servers (BEP 19).
@Suite(.crowded) struct WebSeedTests {
    /// Servers that differ in what they allow. A torrent completes from each of them alone.
    struct Form: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var directives = ""
        var others = ""
        var http = ""
        /// The most bytes that it may send, as a multiple of the payload.
        var most = 1.01
    }

    static let forms = [
        Form(testDescription: "ranges"),
        Form(
            testDescription: "a redirect for each file",
            directives: "location / { return 302 http://127.0.0.1:@other@$request_uri; }",
            others: "server { listen 127.0.0.1:@other@; root @root@; }", most: 1.05),
        Form(testDescription: "no ranges", directives: "max_ranges 0;"),
        Form(
            testDescription: "compression, where it is accepted",
            directives: "gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;"),
        Form(testDescription: "a connection for each request", directives: "keepalive_timeout 0;"),
        Form(
            testDescription: "one slow connection", directives: "limit_rate 6m; limit_conn one 1;",
            http: "limit_conn_zone $binary_remote_addr zone=one:1m;"),
        Form(testDescription: "few requests a connection", directives: "keepalive_requests 3;"),
        Form(
            testDescription: "requests limited to 20 a second", directives: "limit_req zone=few burst=5;",
            http: "limit_req_zone $binary_remote_addr zone=few:1m rate=20r/s;"),
    ]

    private static func torrent(seed: UInt64) throws -> SampleTorrent {
        try SampleTorrent(
            folder: "set",
            [
                .init("c+d #1?.bin", 3_000_001), .pad(13_215), .init("empty", 0), .init("a b/é%20.txt", 12_345),
                .init("sub/large.bin", 6_000_000), .init("sub/1", 1), .init("sub/2", 40_000), .init("sub/3", 999),
            ], pieceLength: 65536, seed: seed)
    }

    /// Adds the torrent with the web seed, and returns the arguments of its download.
    private func prepare(_ pieces: Pieces, _ torrent: SampleTorrent, _ urls: [String]) async throws -> [String] {
        let file = try pieces.file(of: torrent)
        let added = try await pieces.run(["add", file.string, "--output", pieces.output.string])
        try #require(added.exitCode == 0, "\(added)")
        let seeded = try await pieces.run(["webseeds", "1"] + urls.flatMap { ["--add", $0] })
        try #require(seeded.exitCode == 0, "\(seeded)")
        return try pieces.download(torrent)
    }

    @Test(arguments: forms) func torrentCompletesFromAWebServerAlone(form: Form) async throws {
        let torrent = try Self.torrent(seed: 201)
        try await withTemporaryFolder { folder in
            try await withNginx(in: folder, form.directives, others: form.others, http: form.http) { nginx in
                try torrent.write(to: nginx.root)
                let pieces = try Pieces(in: folder)
                let end = try await pieces.run(try await prepare(pieces, torrent, [nginx.url]))
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
                let requests = try nginx.requests()
                let sent = requests.reduce(0) { $0 + $1.bytes }
                let payload = torrent.content.count - 13_215
                #expect(Double(sent) <= form.most * Double(payload), "\(sent) of \(payload) bytes")
                #expect(!requests.contains { $0.target.contains(".pad") || $0.target.contains("empty") })
                #expect(requests.contains { $0.target == "/set/c%2Bd%20%231%3F.bin" })
            }
        }
    }

    /// Python's server speaks HTTP/1.0 and ignores ranges: each file is read from its beginning, once.
    @Test func torrentCompletesFromAServerOfHTTP10WithoutRanges() async throws {
        let program = try RealProgram.require("python3")
        let torrent = try Self.torrent(seed: 213)
        try await withTemporaryFolder { folder in
            try torrent.write(to: folder.appending("root"))
            let port = try Machine.freePort()
            let arguments = ["-u", "-m", "http.server", "\(port)", "--bind", "127.0.0.1"]
            try await withProgram(program, arguments, in: folder.appending("root")) { server in
                try await Machine.untilListening(PeerAddress(.v4(0x7f00_0001), port: port))
                let pieces = try Pieces(in: folder)
                let end = try await pieces.run(
                    try await prepare(pieces, torrent, ["http://127.0.0.1:\(port)/"]))
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
                let requests = server.errors.matches(of: /"GET (\S+) HTTP/).map { String($0.output.1) }
                #expect(requests.count == Set(requests).count && requests.count == 6, "\(requests)")
            }
        }
    }

    /// One file has changed on the server, another is gone, and a third has another length: they are named, and all
    /// others complete. Nothing is fetched for ever.
    @Test func filesThatTheServerLacksAreNamedAndTheOthersComplete() async throws {
        let torrent = try SampleTorrent(
            folder: "set",
            [.init("changed", 1 << 20), .init("gone", 1 << 20), .init("longer", 1 << 20), .init("good", 3 << 20)],
            pieceLength: 65536, seed: 202)
        try await withTemporaryFolder { folder in
            try await withNginx(in: folder) { nginx in
                try torrent.write(to: nginx.root)
                let set = nginx.root.appending("set")
                try Files.overwrite(set.appending("changed"), at: 500_000, with: [1, 2, 3])
                try Files.remove(set.appending("gone"))
                try Files.write(Array(repeating: 7, count: 3 << 20), to: set.appending("longer"))
                let pieces = try Pieces(in: folder)
                try await pieces.beside(try await prepare(pieces, torrent, [nginx.url])) { _ in
                    try await eventually("the good file to be complete, and three files to be named") {
                        let claimed = try await pieces.claimed(torrent)
                        let events = try pieces.events(.webSeed)
                        return (48..<96).allSatisfy { claimed[PieceIndex($0)] } && events.count == 3
                    }
                    let explained = try await pieces.run(["explain", "1"]).output
                    #expect(explained.contains("can't deliver set/changed: its copy differs from the torrent"))
                    #expect(explained.contains("can't deliver set/gone: the server answered 404 Not Found"))
                    #expect(
                        explained.contains(
                            "can't deliver set/longer: its length there is 3145728 bytes instead of 1048576"))
                    let listed = try await pieces.run(["webseeds", "1", "--json"]).output
                    #expect(listed.matches(of: /"reason":/).count == 3)
                }
                // The next run remembers, and asks for nothing.
                try nginx.forgetRequests()
                try await pieces.beside(try pieces.download(torrent)) { running in
                    _ = try await running.address()
                    try await eventually("a report") { running.output.contains("\"event\":\"progress\"") }
                }
                #expect(try nginx.requests().isEmpty)
                // A second web seed has them, and completes the torrent while the engine runs.
                try await withNginx(in: folder.appending("second").makingFolder()) { second in
                    try torrent.write(to: second.root)
                    try await pieces.beside(try pieces.download(torrent)) { running in
                        _ = try await running.address()
                        let added = try await pieces.run(["webseeds", "1", "--add", second.url])
                        #expect(added.exitCode == 0, "\(added)")
                        #expect(try await running.end().exitCode == 0)
                    }
                }
                #expect(torrent.faults(in: pieces.output) == [])
            }
        }
    }

    /// Killed at whatever moment, it goes on; what the database claims is true, and isn't fetched again.
    @Test(arguments: [1, 2] as [UInt64]) func downloadFromAWebServerSurvivesKills(seed: UInt64) async throws {
        let torrent = try Self.torrent(seed: 203 + seed)
        var random = SeededGenerator(seed: seed)
        try await withTemporaryFolder { folder in
            try await withNginx(in: folder, "limit_rate 3m;") { nginx in
                try torrent.write(to: nginx.root)
                let pieces = try Pieces(in: folder)
                let arguments = try await prepare(pieces, torrent, [nginx.url])
                for life in 0..<5 {
                    let claimed = try await pieces.claimed(torrent)
                    if claimed.isFull { break }
                    try nginx.forgetRequests()
                    let running = try pieces.start(arguments)
                    let begun = await Result {
                        try await eventually("a listening port") {
                            running.output.contains("listening") || !running.isRunning
                        }
                        try await Task.sleep(for: .milliseconds(Int.random(in: 200...1500, using: &random)))
                    }
                    await running.kill()
                    try begun.get()
                    for request in try nginx.requests() {
                        let again = wholePieces(of: request, in: torrent).filter { claimed[$0] }
                        // A piece at the end of a range may be claimed, if a neighbour in it isn't.
                        #expect(again.isEmpty, "life \(life): \(request) asks for pieces \(again) that are claimed")
                    }
                    let now = try await pieces.claimed(torrent)
                    #expect(try torrent.unfounded(now, in: pieces.output) == [], "seed \(seed)")
                }
                let end = try await pieces.run(arguments)
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
            }
        }
    }

    /// The pieces that lie wholly in what was asked for.
    private func wholePieces(of request: Nginx.Request, in torrent: SampleTorrent) -> [PieceIndex] {
        let path = request.target.removingPercentEncoding ?? ""
        guard let file = torrent.metainfo.layout.files.first(where: { "/" + $0.displayPath == path }) else { return [] }
        let range = request.range ?? 0...max(0, file.length - 1)
        let (start, end) = (file.offset + range.lowerBound, file.offset + range.upperBound + 1)
        return torrent.geometry.pieces.filter {
            torrent.geometry.offset(of: $0) >= start
                && torrent.geometry.offset(of: $0) + Int64(torrent.geometry.length(of: $0)) <= end
        }
    }

    /// With a peer, both are used, and little is fetched twice.
    @Test func peerAndWebServerAreUsedTogether() async throws {
        let torrent = try SampleTorrent(length: 24 << 20, pieceLength: 1 << 17, seed: 207)
        try await withTemporaryFolder { folder in
            try await withNginx(in: folder, "limit_rate 4m;") { nginx in
                try torrent.write(to: nginx.root)
                let pieces = try Pieces(in: folder)
                _ = try await prepare(pieces, torrent, [nginx.url])
                try await withPeers(torrent, [.slow(250)]) { peers in
                    let end = try await pieces.run(try pieces.download(torrent, from: [peers[0].address]))
                    #expect(end.exitCode == 0, "\(end)")
                    let fromServer = try nginx.requests().reduce(0) { $0 + $1.bytes }
                    #expect(fromServer > 1 << 20 && peers[0].servedBytes > 1 << 20)
                    #expect(fromServer + peers[0].servedBytes <= torrent.content.count * 12 / 10)
                }
                #expect(torrent.faults(in: pieces.output) == [])
            }
        }
    }

    // MARK: Servers that can't be used

    /// A server and what `pieces webseeds` says of it.
    struct Refusal: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let directives: String
        let sentence: String
        var rest = ""
    }

    static let refusals = [
        Refusal(
            testDescription: "busy, with a pause",
            directives: "location / { return 429; add_header Retry-After 3600 always; }",
            sentence: "it answered 429 Too Many Requests", rest: "rests for 59 min"),
        Refusal(
            testDescription: "in maintenance, until a date",
            directives: "location / { return 503; add_header Retry-After \"Fri, 31 Dec 2099 23:59:59 GMT\" always; }",
            sentence: "it answered 503 Service Temporarily Unavailable", rest: "rests for 59 min"),
        Refusal(
            testDescription: "a web page",
            directives: "location / { default_type text/html; return 200 '<html>hello</html>'; }",
            sentence: "it answered with a web page instead of the file"),
        Refusal(
            testDescription: "redirects without end",
            directives: "location / { return 302 /again$request_uri; }",
            sentence: "it redirects in a loop, or more than 5 times"),
        Refusal(
            testDescription: "a redirect to another kind of server",
            directives: "location / { return 302 ftp://127.0.0.1/x; }",
            sentence: "it redirects to something that is not HTTP"),
        Refusal(
            testDescription: "a redirect to a device",
            directives: "location / { return 302 http://127.0.0.1:@other@/reboot?now=1; }",
            sentence: "and pieces doesn't follow: at a local address its URL must have no query"),
        Refusal(
            testDescription: "a password", directives: "location / { return 401; }",
            sentence: "it answered 401 Unauthorized"),
        Refusal(
            testDescription: "compression that nobody asked for",
            directives: "add_header Content-Encoding gzip;", sentence: "it compresses its answers (gzip)"),
        Refusal(
            testDescription: "a fault of its own", directives: "location / { return 500; }",
            sentence: "it answered 500 Internal Server Error"),
        Refusal(
            testDescription: "nothing", directives: "location / { return 444; }",
            sentence: "it closed the connection before it answered"),
    ]

    /// One sentence says why nothing comes, and the server is asked again after longer and longer pauses.
    @Test(arguments: refusals) func serverThatCannotBeUsedIsExplained(refusal: Refusal) async throws {
        let torrent = try SampleTorrent(folder: "set", [.init("a", 500_000), .init("b", 300_000)], seed: 210)
        try await withTemporaryFolder { folder in
            try await withNginx(in: folder, refusal.directives) { nginx in
                try torrent.write(to: nginx.root)
                let pieces = try Pieces(in: folder)
                try await pieces.beside(try await prepare(pieces, torrent, [nginx.url])) { _ in
                    try await eventually("the reason") {
                        let shown = try await pieces.run(["webseeds", "1"]).output
                        return shown.contains(refusal.sentence)
                            && (refusal.rest.isEmpty || shown.contains(refusal.rest))
                    }
                    let explained = try await pieces.run(["explain", "1"]).output
                    #expect(explained.contains(refusal.sentence), "\(explained)")
                }
                #expect(try nginx.requests().count < 40)
            }
        }
    }

    // MARK: HTTPS

    /// The certificate's authority is the test's own: `--ca-file` trusts it. From a secure server, a redirect may lead
    /// to one that isn't, because each piece has its hash.
    @Test(arguments: [false, true]) func secureWebServerIsUsed(redirects: Bool) async throws {
        let torrent = try Self.torrent(seed: 211)
        try await withTemporaryFolder { folder in
            let certificate = try await ServerCertificate(in: folder)
            try await withNginx(
                in: folder, redirects ? "location / { return 302 http://127.0.0.1:@other@$request_uri; }" : "",
                others: "server { listen 127.0.0.1:@other@; root @root@; }", host: "localhost", tls: certificate
            ) { nginx in
                try torrent.write(to: nginx.root)
                let pieces = try Pieces(in: folder)
                let arguments = try await prepare(pieces, torrent, [nginx.url])
                let end = try await pieces.run(arguments + ["--ca-file", certificate.authority.string])
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
            }
        }
    }

    enum Mistrust: String, CaseIterable, Sendable {
        case unknownAuthority, expired, otherName, noTLS

        var sentence: String {
            switch self {
            case .unknownAuthority, .expired:
                "its certificate has expired, or its authority is unknown (--ca-file adds an authority)"
            case .otherName: "its certificate is for another name"
            case .noTLS: "it doesn't answer in TLS"
            }
        }
    }

    @Test(arguments: Mistrust.allCases) func insecureServerIsExplained(mistrust: Mistrust) async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 212)
        try await withTemporaryFolder { folder in
            let certificate = try await ServerCertificate(
                in: folder, name: mistrust == .otherName ? "other.example" : "localhost",
                isExpired: mistrust == .expired)
            try await withNginx(in: folder, host: "localhost", tls: mistrust == .noTLS ? nil : certificate) { nginx in
                try torrent.write(to: nginx.root)
                let pieces = try Pieces(in: folder)
                var arguments = try await prepare(pieces, torrent, ["https://localhost:\(nginx.port)/"])
                if mistrust != .unknownAuthority { arguments += ["--ca-file", certificate.authority.string] }
                try await pieces.beside(arguments) { _ in
                    try await eventually("the reason") {
                        try await pieces.run(["webseeds", "1"]).output.contains(
                            "it cannot be reached securely: " + mistrust.sentence)
                    }
                }
                #expect(try nginx.requests().allSatisfy { $0.status >= 400 })
            }
        }
    }

    // MARK: Other clients

    /// A .torrent of `pieces create --web-seed`, whose files are on the server.
    private func created(_ pieces: Pieces, _ nginx: Nginx, _ torrent: SampleTorrent) async throws -> FilePath {
        try torrent.write(to: nginx.root)
        let file = pieces.folder.appending("made.torrent")
        let path = nginx.root.appending(torrent.metainfo.name).string
        let made = try await pieces.run(
            ["create", path, "-o", file.string, "--web-seed", nginx.url, "--piece-length", "64K"])
        try #require(made.exitCode == 0, "\(made)")
        return file
    }

    private static func content(seed: UInt64) throws -> SampleTorrent {
        try SampleTorrent(
            folder: "made", [.init("a b/é.bin", 2_000_000), .init("plain", 1_000_001), .init("x/y/z", 40)], seed: seed)
    }

    @Test func aria2DownloadsFromTheSameServer() async throws {
        let program = try RealProgram.require("aria2c", package: "aria2")
        let torrent = try Self.content(seed: 208)
        try await withTemporaryFolder { folder in
            try await withNginx(in: folder) { nginx in
                let pieces = try Pieces(in: folder)
                let file = try await created(pieces, nginx, torrent)
                let data = try folder.appending("aria2").makingFolder()
                let end = try await program.run(
                    Aria2.arguments(file, data: data, port: try Machine.freePort(), ["--seed-time=0"]), in: folder)
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: data) == [])
                let own = try await pieces.run(
                    ["download", file.string, "--output", pieces.output.string] + Pieces.network)
                #expect(own.exitCode == 0, "\(own)")
                #expect(torrent.faults(in: pieces.output) == [])
            }
        }
    }

    @Test func libtorrentDownloadsFromTheSameServer() async throws {
        let program = try RealProgram.require("python3")
        let torrent = try Self.content(seed: 209)
        try await withTemporaryFolder { folder in
            let found = try await program.run(["-c", "import libtorrent"], in: folder)
            try #require(found.exitCode == 0, "install libtorrent for Python: pip install libtorrent")
            try await withNginx(in: folder) { nginx in
                let pieces = try Pieces(in: folder)
                let file = try await created(pieces, nginx, torrent)
                let data = try folder.appending("libtorrent").makingFolder()
                let script = """
                    import libtorrent as lt, sys, time
                    session = lt.session({'listen_interfaces': '127.0.0.1:0', 'enable_dht': False, 'enable_lsd': False,
                        'enable_upnp': False, 'enable_natpmp': False, 'ssrf_mitigation': False})
                    handle = session.add_torrent({'ti': lt.torrent_info(sys.argv[1]), 'save_path': sys.argv[2]})
                    for _ in range(600):
                        if handle.status().is_seeding: break
                        time.sleep(0.1)
                    else: sys.exit(1)
                    """
                let end = try await program.run(["-c", script, file.string, data.string], in: folder)
                #expect(end.exitCode == 0, "\(end)")
                try await eventually("libtorrent's files") { torrent.faults(in: data) == [] }
            }
        }
    }
}
