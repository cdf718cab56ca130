import Engine
import Net
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Redirects of a real web server, as the Internet Archive makes them: each file is at a data server. Here 127.0.0.2
/// and 127.0.0.3 stand for public addresses.
@Suite(.crowded) struct WebSeedRedirectTests {
    private static let web = "127.0.0.2"
    private static let data = "127.0.0.3"
    private static let reach = ReachTest(isPublic: { host in
        [web, data].contains { PeerAddress.Host($0) == host } || host.reach == .everywhere
    })
    private static let files = 24

    private static func torrent(seed: UInt64) throws -> SampleTorrent {
        try SampleTorrent(
            folder: "item", (0..<files).map { .init("\($0 % 3)/a \($0).bin", 200_000 + $0 * 1000) }, seed: seed)
    }

    private func engine(_ site: Site, _ body: (Session) async throws -> Void) async throws {
        try await site.run {
            $0.reach = Self.reach
        } _: {
            try await body($0)
        }
    }

    /// Adds the torrent with the server as its web seed.
    private func add(_ torrent: SampleTorrent, _ nginx: Nginx, _ site: Site) throws -> TorrentID {
        try torrent.write(to: nginx.root)
        return try site.add(try torrent.naming(webSeeds: [nginx.url]))
    }

    private func files(_ id: TorrentID, _ site: Site) throws -> [WebSeedFileRow] {
        try site.read { db throws(StoreError) in try db.webSeeds.files(of: id, since: Timestamp(0)) }
    }

    /// After the first files, the data server is asked at once, also by the next engine.
    @Test func placesOfOtherFilesAreGuessedAndRemembered() async throws {
        let torrent = try Self.torrent(seed: 401)
        try await withSite { site in
            try await withNginx(
                in: site.folder, "location / { return 302 http://\(Self.data):@other@$request_uri; }",
                others: "server { listen \(Self.data):@other@; root @root@; limit_rate 2m; }", host: Self.web
            ) { nginx in
                let id = try add(torrent, nginx, site)
                try await engine(site) { _ in
                    try await eventually("a part of it") { try site.row(id).piecesHave > 30 }
                }
                let first = try nginx.requests().filter { $0.port == nginx.port }
                #expect((1...8).contains(first.count), "\(first.map(\.target))")
                let known = try files(id, site)
                #expect(known.count > 3 && known.allSatisfy { $0.lacking == nil })
                #expect(
                    known.allSatisfy { $0.location?.hasPrefix("http://\(Self.data):\(nginx.otherPort)/item/") == true })

                try nginx.forgetRequests()
                try await engine(site) { _ in try await site.untilComplete(id) }
                let asked = try nginx.requests().filter { request in
                    request.port == nginx.port && known.contains { $0.location?.hasSuffix(request.target) == true }
                }
                #expect(asked.isEmpty, "files whose place is known: \(asked.map(\.target))")
                #expect(try files(id, site).count == Self.files)
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    /// One file isn't where the others are: the guess costs a request, and nothing is held against the web seed.
    @Test func wrongGuessIsCorrected() async throws {
        let torrent = try Self.torrent(seed: 402)
        let other = Self.files - 2
        let target = "/item/\(other % 3)/a%20\(other).bin"
        try await withSite { site in
            try await withNginx(
                in: site.folder,
                """
                if ($request_uri = \(target)) { return 302 http://\(Self.data):@third@$request_uri; }
                location / { return 302 http://\(Self.data):@other@$request_uri; }
                """,
                others: """
                    server { listen \(Self.data):@other@; root @root@; if ($request_uri = \(target)) { return 404; } }
                    server { listen \(Self.data):@third@; root @root@; }
                    """, host: Self.web
            ) { nginx in
                let id = try add(torrent, nginx, site)
                try await engine(site) { _ in try await site.untilComplete(id) }
                let requests = try nginx.requests().filter { $0.target == target }
                #expect(requests.map(\.status) == [404, 302, 206] || requests.map(\.status) == [404, 302, 200])
                #expect(try site.events(.webSeed, of: id) == [])
                let row = try #require(try files(id, site).first { $0.index == other })
                #expect(row.lacking == nil && row.location?.contains(":\(nginx.otherPort)/") == false)
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    /// The remembered places refuse the files after a while: the web seed itself names new ones.
    @Test(arguments: [403, 404, 410]) func placesThatExpiredAreAskedForAnew(status: Int) async throws {
        let torrent = try Self.torrent(seed: 403)
        try await withSite { site in
            try await withNginx(
                in: site.folder,
                """
                if (-f @root@/expired) { return 302 http://\(Self.data):@third@$request_uri; }
                location / { return 302 http://\(Self.data):@other@$request_uri; }
                """,
                others: """
                    server {
                        listen \(Self.data):@other@; root @root@; limit_rate 300k;
                        if (-f @root@/expired) { return \(status); }
                    }
                    server { listen \(Self.data):@third@; root @root@; }
                    """, host: Self.web
            ) { nginx in
                let id = try add(torrent, nginx, site)
                try await engine(site) { _ in
                    try await eventually("a part of it") { try site.row(id).piecesHave > 20 }
                }
                try Files.write([], to: nginx.root.appending("expired"))
                try await engine(site) { _ in try await site.untilComplete(id) }
                #expect(try site.events(.webSeed, of: id) == [])
                let places = try files(id, site).compactMap(\.location)
                #expect(places.contains { !$0.contains(":\(nginx.otherPort)/") })
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }
}
