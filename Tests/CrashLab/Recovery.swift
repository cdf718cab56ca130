import Engine
import Store
import SystemPackage
import TestSupport
import Torrent

/// Lets a session find what a cut left, and judges how it goes on.
package struct Recovery: Sendable {
    /// How long a session may take for the rest.
    private static let limit = Duration.seconds(60)

    private let parts: [CrashPart]
    private let lie: RecordedDisk.Lie?

    package init(_ parts: [CrashPart], lie: RecordedDisk.Lie? = nil) {
        self.parts = parts
        self.lie = lie
    }

    /// What went wrong, a line each. `entries` are all that happened before, the cut last.
    package func faults(after entries: [LogEntry], _ claims: Claims) async throws -> [String] {
        try await withScratchFolder { folder in
            let site = CrashSite(try Recording(in: folder, after: entries), recordsDatabase: false, lie: lie)
            let known = parts.filter { claims.torrents[$0.torrent.infoHash] != nil }
            var peers: [WirePeer] = []
            let result = await Result { () async throws -> [String] in
                for part in known { peers.append(try await WirePeer.start(part.torrent)) }
                try await complete(site, known, claims, peers)
                return try judge(site, known, claims, peers)
            }
            for peer in peers { await peer.stop() }
            do { return try result.get() } catch { return ["the session that resumed: \(error)"] }
        }
    }

    private func complete(_ site: CrashSite, _ known: [CrashPart], _ claims: Claims, _ peers: [WirePeer]) async throws {
        let ids = known.compactMap { claims.torrents[$0.torrent.infoHash]?.row }.filter { !$0.settings.isPaused }.map(\.id)
        try await site.run(peers) { session in
            try await site.untilComplete(ids, within: Self.limit)
            try await eventually("every piece to be looked at", within: Self.limit) {
                await session.snapshots().allSatisfy { $0.doubtful == 0 }
            }
        }
    }

    private func judge(_ site: CrashSite, _ known: [CrashPart], _ before: Claims, _ peers: [WirePeer]) throws -> [String] {
        let now = try Claims(try site.connect(), parts)
        var faults = now.unfounded(on: DiskModel(site.recording.entries).after(.everything), parts)
        for (part, peer) in zip(known, peers) {
            let name = part.torrent.metainfo.name
            guard let claimed = before.torrents[part.torrent.infoHash], let after = now.torrents[part.torrent.infoHash] else {
                faults.append("\(name): the torrent is gone")
                continue
            }
            let again = Set(peer.requests.map(\.block.piece)).filter { claimed.have[$0] }
            if !again.isEmpty { faults.append("\(name): pieces \(again.sorted()) were claimed and downloaded again") }
            guard !after.row.settings.isPaused else { continue }
            if !after.opened.isEmpty { faults.append("\(name): pieces \(Array(after.opened.pieces)) are in doubt after a clean stop") }
            let wanted = Set(after.wanted.indices.filter { after.wanted[$0] && !part.torrent.metainfo.layout.files[$0].isPad })
            // A skipped file may be there: it was wanted once.
            faults += part.torrent.faults(in: site.output, wanted: wanted).filter { !$0.hasSuffix("was not to be made") }
        }
        return faults
    }
}
