import Engine
import Library
import Store
import SystemPackage
import TestSupport
import Torrent

/// Lets a session find what a cut left, and judges how it goes on.
package struct Recovery: Sendable {
    /// How long a session may take for the rest.
    private static let limit = Duration.seconds(20)

    private let parts: [CrashPart]
    private let lie: RecordedDisk.Lie?
    private let wakesAll: Bool

    /// With `wakesAll` the session is told to look after the torrents by name, also those that are complete: it wakes
    /// them, and looks at their files.
    package init(_ parts: [CrashPart], wakesAll: Bool, lie: RecordedDisk.Lie? = nil) {
        self.parts = parts
        self.wakesAll = wakesAll
        self.lie = lie
    }

    /// What went wrong with a disk that holds this, whose database claims this; a line each.
    package func faults(finding found: DiskState, _ claims: Claims) async throws -> [String] {
        try await withScratchFolder { folder in
            let site = CrashSite(try Recording(in: folder, finding: found), recordsDatabase: false, lie: lie)
            let known = parts.filter { claims.torrents[$0.torrent.infoHash] != nil }
            var servers: [any BlockServer] = []
            let result = await Result { () async throws -> [String] in
                for part in known {
                    guard let id = claims.torrents[part.torrent.infoHash]?.row.id else { continue }
                    servers.append(try await site.startServer(of: part, id))
                }
                try await complete(site, known, claims, servers)
                return try judge(site, known, claims, servers)
            }
            for server in servers { await server.stop() }
            do { return try result.get() } catch { return ["the session that resumed: \(error)"] }
        }
    }

    private func complete(_ site: CrashSite, _ known: [CrashPart], _ claims: Claims, _ servers: [any BlockServer])
        async throws
    {
        let staying = known.compactMap { claims.torrents[$0.torrent.infoHash] }.filter { !$0.isLeaving }
        // What a user does who sees that a renaming is unfinished.
        _ = try await site.library().continueMoves([]) { _ in }
        let ids = staying.map(\.row).filter { !$0.settings.isPaused }.map(\.id)
        try await site.run(servers, only: wakesAll ? Set(ids) : nil) { session in
            try await site.untilComplete(ids, within: Self.limit)
            try await eventually("every piece to be looked at", within: Self.limit) {
                await session.snapshots().allSatisfy { $0.unverified == 0 }
            }
        }
    }

    private func judge(_ site: CrashSite, _ known: [CrashPart], _ before: Claims, _ servers: [any BlockServer]) throws
        -> [String]
    {
        let now = try Claims(try site.connect(), parts)
        let disk = site.recording.present
        var faults = now.unfounded(on: disk, parts)
        for (part, server) in zip(known, servers) {
            let name = part.torrent.metainfo.name
            guard let claimed = before.torrents[part.torrent.infoHash] else { continue }
            guard !claimed.isLeaving else {
                if now.torrents[part.torrent.infoHash] != nil {
                    faults.append("\(name): it was to be removed, and is still there")
                }
                continue
            }
            guard let after = now.torrents[part.torrent.infoHash] else {
                faults.append("\(name): the torrent is gone")
                continue
            }
            let blocks = claimed.metadataBlocks.intersection(server.requestedMetadata)
            if !blocks.isEmpty {
                faults.append("\(name): blocks \(blocks.sorted()) of its metadata were requested again")
            }
            if claimed.row.hasMetadata, !server.requestedMetadata.isEmpty {
                faults.append("\(name): its metadata was there, and was requested again")
            }
            let again = Set(server.requestedBlocks.map(\.piece)).filter { claimed.have[$0] && $0 != part.rotten }
            if !again.isEmpty { faults.append("\(name): pieces \(again.sorted()) were claimed and downloaded again") }
            guard !after.row.settings.isPaused else { continue }
            let doubted = after.opened.subtracting(after.have)
            if !doubted.isEmpty {
                faults.append("\(name): pieces \(Array(doubted.pieces)) are in doubt after a clean stop")
            }
            // Rot that no scrub has found yet stays. The claims of the other pieces were looked at.
            if let rotten = part.rotten, after.mayBeRotten(rotten, part), after.have.isFull { continue }
            faults += part.torrent.faults(on: disk, after)
        }
        return faults
    }
}
