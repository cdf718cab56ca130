package import Store
package import TestSupport
import Torrent

/// What a user does with some torrents while everything is recorded.
package struct Scenario: Sendable, CustomStringConvertible {
    /// What acts: a folder with a database in which the parts were added, in their order, and a peer for each.
    package struct Stage: Sendable {
        package let site: CrashSite
        package let parts: [CrashPart]
        package let ids: [TorrentID]
        package let peers: [FakePeer]
    }

    package let name: String
    package let parts: @Sendable (UInt64) throws -> [CrashPart]
    package var tuning = CrashSite.Tuning()
    /// Blocks a second that each peer serves.
    package var rate = 300
    package var removes = false
    /// Whether the database is replaced.
    package var mends = false
    /// What happens from the first start of an engine to the last stop.
    package let act: @Sendable (Stage) async throws -> Void
    /// What happens after a cut in the middle, when that is recorded too.
    package var recover: @Sendable (Stage) async throws -> Void = { stage in try await stage.runUntilComplete() }

    package var description: String { name }

    /// Runs it, from an empty folder to a clean stop.
    package func record(seed: UInt64) async throws -> RecordedRun {
        let parts = try parts(seed)
        let (entries, first) = try await withScratchFolder { folder in
            let site = CrashSite(try Recording(in: folder), tuning: tuning)
            var ids: [TorrentID] = []
            for part in parts { ids.append(try site.add(part)) }
            try await stage(site, parts, ids, act)
            return (site.recording.entries, site.recording.first)
        }
        return RecordedRun(name, seed: seed, parts, entries, first: first, removes: removes, mends: mends)
    }

    /// Goes on with a state of a run, and records that too: cuts of the result are cuts during the recovery.
    ///
    /// With `isKill` only the process died there: what was written and not synced is still on its way.
    package func record(after run: RecordedRun, _ state: RecordedRun.CrashState, isKill: Bool) async throws
        -> RecordedRun
    {
        var entries = Array(run.entries.prefix(state.position))
        if !isKill { entries.append(LogEntry(run.nextNumber, .powerCut(state.cut))) }
        var model = DiskModel()
        for entry in entries { model.apply(entry) }
        let found = model.after(.everything)
        let claims = try await Claims(found, run.parts, mends: mends)
        let more = try await withScratchFolder { folder in
            let recording = try Recording(
                in: folder, finding: found, nextNumber: run.nextNumber + 1, nextNode: run.nextNode)
            let site = CrashSite(recording, tuning: tuning)
            let known = run.parts.filter { claims.torrents[$0.torrent.infoHash] != nil }
            try await stage(site, known, known.compactMap { claims.torrents[$0.torrent.infoHash]?.row.id }, recover)
            return recording.entries
        }
        return RecordedRun(
            name, seed: run.seed, run.parts, entries + more, first: entries.count, removes: removes, mends: mends)
    }

    private func stage(
        _ site: CrashSite, _ parts: [CrashPart], _ ids: [TorrentID], _ act: (Stage) async throws -> Void
    ) async throws {
        var peers: [FakePeer] = []
        let result = await Result { () async throws -> Void in
            for part in parts { peers.append(try await FakePeer.start(part.torrent, .slow(rate))) }
            try await act(Stage(site: site, parts: parts, ids: ids, peers: peers))
        }
        for peer in peers { await peer.stop() }
        try result.get()
    }
}

extension Scenario.Stage {
    package func runUntilComplete() async throws {
        try await site.run(peers) { _ in try await site.untilComplete(ids) }
    }

    /// The same for torrents that were added by their magnet links.
    package func runFromMetadataPeers() async throws {
        var peers: [FakeMetadataPeer] = []
        let result = await Result { () async throws -> Void in
            for part in parts { peers.append(try await FakeMetadataPeer.start(part.torrent)) }
            try await site.run(peers.map(\.address)) { _ in try await site.untilComplete(ids) }
        }
        for peer in peers { await peer.stop() }
        try result.get()
    }
}
