import Library
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent
import Verification

/// Magnet links in the use cases.
@Suite struct MagnetUseTests {
    private func withLibrary(_ body: (Library, Connection, String) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appending(name: "pieces.db")
            let connection = try Connection.open(path, mode: .readWriteCreate, now: .now())
            try await body(Library(connection), connection, folder.appending(name: "out").text)
        }
    }

    private func link(_ torrent: SampleTorrent, trackers: [String] = []) -> MagnetLink {
        MagnetLink(infoHash: torrent.infoHash, name: "link", trackers: trackers)
    }

    private func add(_ link: MagnetLink, _ library: Library, _ output: String, _ patterns: [String] = []) async throws
        -> AddRequest.Entry
    {
        try #require(
            await AddRequest(library, AddOptions(output: output, patterns: patterns)).add(magnets: [link]).first)
    }

    @Test func secondLinkMergesItsTrackers() async throws {
        let torrent = try SampleTorrent(length: 100_000)
        try await withLibrary { library, connection, output in
            let first = try await add(link(torrent, trackers: ["udp://a.example:1"]), library, output)
            #expect(first.isNew && first.isMagnet)
            let second = try await add(
                link(torrent, trackers: ["udp://a.example:1", "udp://b.example:1"]), library, output)
            #expect(!second.isNew && second.id == first.id && second.trackers?.added == 1)
            #expect(
                try connection.trackers.rows(of: first.id).map(\.url) == ["udp://a.example:1", "udp://b.example:1"])
        }
    }

    /// A link of a torrent that is there adds its trackers, unless the torrent is private.
    @Test func linkOfAKnownTorrentMergesItsTrackers() async throws {
        let torrent = try SampleTorrent(length: 100_000)
        try await withLibrary { library, connection, output in
            let known = try await AddRequest(library, AddOptions(output: output)).add([torrent.metainfo]) { _ in }
            let entry = try await add(link(torrent, trackers: ["udp://b.example:1"]), library, output)
            #expect(entry.id == known[0].id && !entry.isMagnet && entry.trackers?.added == 1)
        }
    }

    /// The .torrent of a magnet link that is waiting replaces the fetch.
    @Test func torrentFileFulfilsTheLink() async throws {
        let torrent = try SampleTorrent(length: 100_000, trackers: [["udp://c.example:1"]])
        try await withLibrary { library, connection, output in
            let entry = try await add(link(torrent, trackers: ["udp://a.example:1"]), library, output)
            let again = try await AddRequest(library, AddOptions(output: output)).add([torrent.metainfo]) { _ in }
            #expect(again.map(\.id) == [entry.id] && again[0].trackers?.added == 1)
            let row = try #require(try connection.torrents.row(entry.id))
            #expect(row.hasMetadata && row.state == .queued && row.name == torrent.metainfo.name)
        }
    }

    @Test func filesAreChosenBeforeTheyAreKnown() async throws {
        let torrent = try SampleTorrent(folder: "set", [.init("a", 20_000), .init("b", 30_000)])
        try await withLibrary { library, connection, output in
            let entry = try await add(link(torrent), library, output, ["1"])
            #expect(try await library.select(.patterns(["b"]), of: "link").wantedFiles == nil)
            _ = try connection.magnets.arrived(entry.id, torrent.metainfo, now: .now())
            #expect(try library.files(of: "set").torrent.selection.wanted == [false, true])
        }
    }

    @Test func commandsSayThatTheMetadataIsMissing() async throws {
        let torrent = try SampleTorrent(length: 100_000)
        try await withLibrary { library, connection, output in
            let entry = try await add(link(torrent, trackers: ["udp://a.example:1"]), library, output)
            for body in [
                { _ = try library.files(of: "link") }, { _ = try library.torrentFile(of: "link") },
            ] as [() throws -> Void] {
                let error = try #require(throws: (any Error).self, performing: body)
                #expect("\(error)".contains("the metadata of link isn't here yet"))
            }
            #expect(
                try "\(library.magnetLink(of: "1", includingSecrets: false).link)"
                    == "\(link(torrent, trackers: ["udp://a.example:1"]))")
            let explained = try library.explain("magnet:?xt=urn:btih:\(torrent.infoHash)")
            #expect(explained.state == .metadata && explained.causes.map(\.kind) == [.noEngine])
            _ = try library.pause([torrent.infoHash.description])
            #expect(try connection.torrents.row(entry.id)?.state == .paused)
            _ = try library.resume(["link"])
            #expect(try connection.torrents.row(entry.id)?.state == .metadata)
            try await library.remove(["link"], deletingData: true) { _ in }
            #expect(try connection.torrents.row(entry.id) == nil)
        }
    }

    /// `add --paused` fetches the metadata; a resume before it is here downloads the rest as well.
    @Test func pausedLinkIsFetchedAndThenPaused() async throws {
        let torrent = try SampleTorrent(length: 100_000)
        try await withLibrary { library, connection, output in
            var request = AddRequest(library, AddOptions(output: output))
            request.isPaused = true
            let entry = try #require(try await request.add(magnets: [link(torrent)]).first)
            #expect(try connection.torrents.row(entry.id)?.state == .metadata)
            #expect(try connection.magnets.row(entry.id)?.pausesAfter == true)
            _ = try library.resume(["link"])
            #expect(try connection.magnets.row(entry.id)?.pausesAfter == false)
        }
    }
}
