import Engine
import Store
import TestSupport
import Torrent

/// What a user does with some torrents while everything is recorded.
package struct Scenario: Sendable, CustomStringConvertible {
    package let name: String
    package let parts: @Sendable (UInt64) throws -> [CrashPart]
    /// Pages of the log at which a commit also checkpoints; `nil` is the usual number.
    package var checkpointPages: Int?
    /// Blocks a second of each torrent's one peer.
    package var rate = 400
    package var removes = false
    /// What happens while the engine runs.
    package let act: @Sendable (CrashSite, Session, [TorrentID], [WirePeer]) async throws -> Void

    package var description: String { name }

    /// Runs it, from nothing to a clean stop. The run ends as a recording: the folder is gone.
    package func record(seed: UInt64) async throws -> RecordedRun {
        let parts = try parts(seed)
        let entries = try await withScratchFolder { folder in
            let site = CrashSite(try Recording(in: folder), checkpointPages: checkpointPages)
            var ids: [TorrentID] = []
            for part in parts { ids.append(try site.add(part)) }
            try await run(site, parts, ids)
            return site.recording.entries
        }
        return RecordedRun(name, seed: seed, parts, entries, removes: removes)
    }

    private func run(_ site: CrashSite, _ parts: [CrashPart], _ ids: [TorrentID]) async throws {
        var peers: [WirePeer] = []
        let result = await Result { () async throws -> Void in
            for part in parts { peers.append(try await WirePeer.start(part.torrent, .slow(rate))) }
            try await site.run(peers) { session in try await act(site, session, ids, peers) }
        }
        for peer in peers { await peer.stop() }
        try result.get()
    }
}

extension Scenario {
    package static let all = [manySmallFiles]

    package static let manySmallFiles = Scenario(name: "many small files") { seed in
        var chance = Chance(seed)
        let files = (0..<60).map { n in
            SampleTorrent.File("\(n % 3)/\(n % 7)/file\(n)", n % 11 == 0 ? 0 : 500 + chance.next(60_000))
        }
        return [CrashPart(try SampleTorrent(folder: "small", files, pieceLength: 32768, seed: seed))]
    } act: { site, _, ids, _ in
        try await site.untilComplete(ids)
    }
}
