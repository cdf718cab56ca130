import NIOCore
import NIOPosix
import Net
import Synchronization
import Testing
import Torrent
import TrackerWire

/// Redirects over real sockets. Here 127.0.0.2 and 127.0.0.3 stand for public addresses; 127.0.0.1 is what it is.
@Suite struct RedirectTests {
    private static let good = Array("d8:intervali900e5:peers6:\u{a}\u{1}\u{1}\u{1}\u{1}\u{1}e".utf8)
    private static let outside = ["127.0.0.2", "127.0.0.3"]
    private static let reach = ReachTest(isPublic: { host in
        RedirectTests.outside.contains { PeerAddress.Host($0) == host } || host.reach == .everywhere
    })

    /// Addresses of names by the count of the look-ups before.
    private final class Names: Sendable {
        private let count = Mutex(0)
        private let addresses: @Sendable (String, Int) -> [String]

        init(_ addresses: @escaping @Sendable (String, Int) -> [String]) { self.addresses = addresses }

        func lookUp(_ host: String, _ port: UInt16) -> Result<[SocketAddress], TrackerError> {
            let number = count.withLock { count in
                defer { count += 1 }
                return count
            }
            return .success(addresses(host, number).compactMap { try? SocketAddress(ipAddress: $0, port: Int(port)) })
        }
    }

    private func announce(_ url: String, _ names: Names? = nil) async throws -> Result<AnnounceResponse, TrackerError> {
        let resolver = names.map { names in HostResolver(lookup: { names.lookUp($0, $1) }) } ?? HostResolver()
        let client = TrackerClient(
            group: MultiThreadedEventLoopGroup.singleton, options: HTTPOptions(version: "test"), resolver: resolver,
            reach: Self.reach)
        let result: Result<AnnounceResponse, TrackerError>
        do throws(TrackerError) {
            result = .success(try await client.announce(TrackerURL(known: url), TrackerSamples.request()))
        } catch {
            result = .failure(error)
        }
        await client.shutdown()
        return result
    }

    /// Announces to a server at `host` that redirects to `location`, where `PORT` is the port of a server inside;
    /// returns what that one was asked.
    private func follow(
        from host: String, _ path: String = "/announce", to location: String, names: Names? = nil
    ) async throws -> (asked: [String], Result<AnnounceResponse, TrackerError>) {
        let inside = try await RawHTTPServer.start { _ in .page("200 OK", Self.good) }
        let target = location.replacing("PORT", with: "\(inside.port)")
        let server = try await RawHTTPServer.start(host: host) { _ in .page("302 Found", [], "Location: \(target)\r\n")
        }
        let result = try await announce("http://\(host):\(server.port)\(path)", names)
        #expect(server.heads.count == 1)
        let asked = inside.heads.map { String($0.prefix { !$0.isNewline }) }
        try await inside.stop()
        try await server.stop()
        return (asked, result)
    }

    private func expectRefusal(_ result: Result<AnnounceResponse, TrackerError>, _ words: String...) {
        guard case .failure(let error) = result, case .redirectRefused = error else {
            Issue.record("not refused: \(result)")
            return
        }
        for word in words { #expect(error.description.contains(word), "\(error)") }
        #expect(
            !error.description.contains("\n") && !error.description.contains("info_hash")
                && !error.description.contains("/admin"))
    }

    @Test(arguments: [
        "http://127.0.0.1:PORT/admin/shutdown?really=1", "http://127.0.0.1:PORT/announce",
        "http://localhost:PORT/scrape",
        "//127.0.0.1:PORT/announce",
        "http://127.1:PORT/announce", "http://2130706433:PORT/announce", "http://0x7f.0.0.1:PORT/announce",
        "http://0177.0.0.1:PORT/announce",
        "http://[::ffff:127.0.0.1]:PORT/announce", "http://0.0.0.0:PORT/announce",
        "http://user:password@127.0.0.1:PORT/announce",
        "http://10.0.0.1:PORT/announce", "http://192.168.1.1/announce", "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]:PORT/announce",
        "http://[fd00::1]:PORT/announce", "http://224.0.0.1:PORT/announce", "https://127.0.0.1:PORT/announce",
    ])
    func publicServerCannotRedirectToALocalAddress(_ location: String) async throws {
        let (asked, result) = try await follow(from: "127.0.0.2", to: location)
        #expect(asked == [])
        expectRefusal(
            result, "the tracker 127.0.0.2:", "redirects to", "a server elsewhere must not lead to a local address")
        if location.contains("169.254") { expectRefusal(result, "169.254.169.254 (a link-local address)") }
    }

    @Test func redirectIsJudgedByTheResolvedAddress() async throws {
        let names = Names { _, _ in ["127.0.0.1"] }
        let (asked, result) = try await follow(
            from: "127.0.0.2", to: "http://inner.example:PORT/announce", names: names)
        #expect(asked == [])
        expectRefusal(result, "inner.example:", "(127.0.0.1, a loopback address)")
    }

    /// Of a name that has both kinds of addresses only the public ones are asked.
    @Test func localAddressesBesidePublicOnesAreSkipped() async throws {
        let second = try await RawHTTPServer.start(host: "127.0.0.3") { _ in .page("200 OK", Self.good) }
        let names = Names { _, _ in ["127.0.0.1", "127.0.0.3", "::1"] }
        let (asked, result) = try await follow(
            from: "127.0.0.2", to: "http://mixed.example:\(second.port)/x", names: names)
        #expect(asked == [] && second.heads.count == 1)
        #expect(try result.get().interval == .seconds(900))
        try await second.stop()
    }

    /// The address that was checked is the one that is connected to, and a name that became local since it was asked is
    /// refused.
    @Test func nameThatBecomesLocalIsRejected() async throws {
        let server = try await RawHTTPServer.start(host: "0.0.0.0") { head in
            head.hasPrefix("GET /announce")
                ? .page("302 Found", [], "Location: /admin\r\n") : .page("200 OK", Self.good)
        }
        let lookUps = Mutex(0)
        let names = Names { _, number in
            lookUps.withLock { $0 += 1 }
            return [number == 0 ? "127.0.0.2" : "127.0.0.1"]
        }
        expectRefusal(
            try await announce("http://changing.example:\(server.port)/announce", names),
            "(127.0.0.1, a loopback address)")
        #expect(server.heads.count == 1 && lookUps.withLock { $0 } == 2)
        try await server.stop()
    }

    @Test(arguments: [
        "/announce", "/announce/", "/announce.php?x=1", "/Announce", "/key/announce", "/scrape", "/scrape.php",
    ])
    func localTrackerMayRedirectToAnotherLocalTracker(_ path: String) async throws {
        let (asked, result) = try await follow(from: "127.0.0.1", "/a", to: "http://127.0.0.1:PORT\(path)")
        #expect(asked == ["GET \(path) HTTP/1.1"])
        #expect(try result.get().interval == .seconds(900))
    }

    @Test(arguments: [
        "/admin/shutdown?really=1", "/", "", "?announce", "/admin?x=/announce", "/admin#/announce",
        "/announce/../admin", "/announcement",
        "/%61nnounce", "/announce/admin", "/.announce", "/x.announce",
    ])
    func localTrackerCannotRedirectToOtherPaths(_ path: String) async throws {
        let (asked, result) = try await follow(from: "127.0.0.1", to: "http://localhost:PORT\(path)")
        #expect(asked == [])
        expectRefusal(result, "the tracker 127.0.0.1:", "its path has to end in announce or scrape")
    }

    /// As a server does that moves to another port or to https.
    @Test func localServerMayRedirectToTheSamePath() async throws {
        let (asked, result) = try await follow(from: "127.0.0.1", "/t/key", to: "http://127.0.0.1:PORT/t/key?x=y")
        #expect(asked == ["GET /t/key?x=y HTTP/1.1"])
        #expect(try result.get().interval == .seconds(900))
    }

    /// What the torrent names is asked wherever it is, and again after a way round.
    @Test func namedServerIsAlwaysAllowed() async throws {
        let location = Mutex("")
        let away = try await RawHTTPServer.start(host: "127.0.0.2") { _ in
            .page("302 Found", [], location.withLock { $0 })
        }
        let named = try await RawHTTPServer.start { head in
            head.hasPrefix("GET /back")
                ? .page("200 OK", Self.good) : .page("302 Found", [], "Location: http://127.0.0.2:\(away.port)/x\r\n")
        }
        location.withLock { $0 = "Location: http://127.0.0.1:\(named.port)/back\r\n" }
        _ = try await announce("http://user:secret@127.0.0.1:\(named.port)/x").get()
        #expect(named.heads.count == 2 && away.heads.count == 1)
        // The way round lost the password, and nobody else saw it.
        #expect(away.heads.allSatisfy { !$0.contains("Authorization") } && !named.heads[1].contains("Authorization"))
        try await away.stop()
        try await named.stop()
    }

    /// A local server behind a public one is no way in.
    @Test func publicHopForbidsLaterLocalRedirects() async throws {
        let inside = try await RawHTTPServer.start { _ in .page("200 OK", Self.good) }
        let away = try await RawHTTPServer.start(host: "127.0.0.2") { _ in
            .page("302 Found", [], "Location: http://127.0.0.1:\(inside.port)/announce\r\n")
        }
        let named = try await RawHTTPServer.start { _ in
            .page("302 Found", [], "Location: http://127.0.0.2:\(away.port)/announce\r\n")
        }
        expectRefusal(try await announce("http://127.0.0.1:\(named.port)/announce"), "a server elsewhere")
        #expect(inside.heads == [] && away.heads.count == 1)
        for server in [inside, away, named] { try await server.stop() }
    }

    /// A redirect between public servers is followed, without any password: neither the torrent's nor one that the
    /// redirect names.
    @Test func passwordIsNotSentToAnotherServer() async throws {
        let second = try await RawHTTPServer.start(host: "127.0.0.3") { _ in
            .page("200 OK", Self.good, "Set-Cookie: a=b\r\n")
        }
        let first = try await RawHTTPServer.start(host: "127.0.0.2") { _ in
            .page(
                "302 Found", [],
                "Set-Cookie: a=b\r\nLocation: http://admin:admin@127.0.0.3:\(second.port)/any/path?x\r\n")
        }
        _ = try await announce("http://user:secret@127.0.0.2:\(first.port)/announce").get()
        let head = try #require(second.heads.first).lowercased()
        #expect(head.hasPrefix("get /any/path?x http/1.1\r\n"))
        for field in ["authorization", "cookie", "referer", "@"] { #expect(!head.contains(field), "\(head)") }
        try await first.stop()
        try await second.stop()
    }

    @Test(arguments: [
        "ftp://127.0.0.1:PORT/announce", "udp://127.0.0.1:PORT/announce", "file:///etc/passwd",
        "gopher://127.0.0.1:PORT/x", "javascript://x",
    ])
    func redirectsToOtherSchemesAreNotFollowed(_ location: String) async throws {
        let (asked, result) = try await follow(from: "127.0.0.1", to: location)
        guard case .failure(.status(302, _, _)) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(asked == [])
    }

    /// An address of this machine is local, although the internet reaches it.
    @Test func addressOfThisMachineIsLocal() throws {
        let reach = ReachTest(isOwn: { $0 == PeerAddress.Host("1.2.3.4") })
        var rule = RedirectRule(try TrackerURL("http://t.example/announce"), for: .tracker, reach: reach)
        rule.redirected(
            by: try TrackerURL("http://t.example/announce"), at: try SocketAddress(ipAddress: "5.6.7.8", port: 80))
        let target = try TrackerURL("http://1.2.3.4:81/announce")
        let error = #expect(throws: TrackerError.self) {
            try rule.allowed([try SocketAddress(ipAddress: "1.2.3.4", port: 81)], of: target)
        }
        #expect(
            error?.description.contains("1.2.3.4:81 (an address of this machine)") == true,
            "\(String(describing: error))")
        #expect(try rule.allowed([try SocketAddress(ipAddress: "1.2.3.5", port: 81)], of: target).count == 1)
        // The loopback device has its addresses on every machine.
        #expect(ReachTest.system.isLocal(try #require(PeerAddress.Host("127.0.0.1"))))
    }

    @Test(
        arguments: [
            ("127.0.0.2", "http://127.0.0.1:PORT/b.torrent", false),
            ("127.0.0.1", "http://127.0.0.1:PORT/b.torrent", true),
            ("127.0.0.1", "http://127.0.0.1:PORT/a?login", true), ("127.0.0.1", "http://127.0.0.1:PORT/admin", false),
            ("127.0.0.1", "http://127.0.0.1:PORT/announce", false),
        ] as [(String, String, Bool)])
    func torrentFileRedirectsFollowTheSameRule(_ host: String, _ location: String, _ isFollowed: Bool) async throws {
        let inside = try await RawHTTPServer.start { _ in .page("200 OK", Array("de".utf8)) }
        let target = location.replacing("PORT", with: "\(inside.port)")
        let server = try await RawHTTPServer.start(host: host) { _ in .page("302 Found", [], "Location: \(target)\r\n")
        }
        let fetcher = TorrentFetcher(
            group: MultiThreadedEventLoopGroup.singleton, options: HTTPOptions(version: "test"), maximumBytes: 1000,
            reach: Self.reach)
        do {
            #expect(try await fetcher.fetch("http://\(host):\(server.port)/a") == Array("de".utf8))
            #expect(isFollowed)
        } catch {
            #expect(!isFollowed)
            #expect(
                error.description.contains("redirects to 127.0.0.1:\(inside.port) (a loopback address)"), "\(error)")
            #expect(!error.description.contains("tracker"))
        }
        #expect(inside.heads.count == (isFollowed ? 1 : 0))
        await fetcher.shutdown()
        try await inside.stop()
        try await server.stop()
    }

    // MARK: Peers

    /// A tracker elsewhere can't have this client connect to its own machine; one in this network can.
    @Test(arguments: ["127.0.0.1", "127.0.0.2"])
    func onlyLocalTrackersMayNameLoopbackPeers(_ host: String) async throws {
        let peers: [UInt8] = [127, 0, 0, 1, 0, 22, 10, 0, 0, 1, 0, 80]
        let http = try await RawHTTPServer.start(host: host) { _ in
            .page("200 OK", Array("d5:peers12:".utf8) + peers + Array("e".utf8))
        }
        let udp = try await FakeUDPTracker.start(host: host) { packet in
            guard packet.count >= 16 else { return [] }
            return [
                packet[8..<16]
                    + (packet[11] == 0 ? [1, 2, 3, 4, 5, 6, 7, 8] : [0, 0, 14, 16, 0, 0, 0, 1, 0, 0, 0, 2] + peers)
            ]
        }
        let expected = host == "127.0.0.1" ? ["127.0.0.1:22", "10.0.0.1:80"] : ["10.0.0.1:80"]
        for url in ["http://\(host):\(http.port)/announce", "udp://\(host):\(udp.port)"] {
            #expect(try await announce(url).get().peers.map(\.description) == expected)
        }
        try await http.stop()
        try await udp.stop()
    }
}

extension TrackerURL {
    /// A URL that a test wrote.
    fileprivate init(known text: String) throws(TrackerError) {
        do { try self.init(text) } catch { throw .malformed("the test's URL: \(error)") }
    }
}
