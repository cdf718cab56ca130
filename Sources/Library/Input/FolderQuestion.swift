import Disk
package import Store
import Synchronization
package import SystemPackage
package import Torrent
package import Verification

/// Checks whether the payload of .torrent files is in a folder, and adopts it if it is.
///
/// The check uses a scratch database, so that a folder with other contents leaves no torrent behind that would be
/// downloaded into it.
package struct FolderQuestion {
    /// The absolute path of the folder.
    private let output: String
    private let scratch: Connection
    private let rows: [TorrentRow]

    package init(_ metainfos: [Metainfo], in output: String) throws(StoreError) {
        self.output = output
        let scratch = try Connection.scratch(now: .now())
        rows = try scratch.transaction { () throws(StoreError) in
            var rows: [TorrentRow] = []
            var seen: Set<InfoHash> = []
            for metainfo in metainfos where seen.insert(metainfo.infoHash).inserted {
                let id = try scratch.torrents.insert(NewTorrent(metainfo: metainfo, output: output), now: .now())
                if let row = try scratch.torrents.row(id) { rows.append(row) }
            }
            return rows
        }
        self.scratch = scratch
    }

    /// The estimated number of bytes to read.
    package var totalBytes: Int64 { rows.reduce(0) { $0 + VerificationTask.estimate($1, .everything) } }

    /// Hashes the files. `database` is the real database, in which concurrent verifications wait for each other.
    /// Results are returned at the end instead of being reported, because only then is it known which torrents are
    /// adopted.
    package func answer(
        database: FilePath, stop: VerificationStop, computesDigests: Bool = false,
        report: @escaping @Sendable (VerificationEvent) -> Void
    ) async throws -> (summary: VerificationRun.Summary, results: [VerificationResult]) {
        let results = Results()
        let began = VerificationMemory.Entry(at: .now(), isResumed: false, ownKey: nil)
        let orders = rows.map { row in
            var order = VerificationRun.Order(row: row, scope: .everything, began: began)
            order.computesDigests = computesDigests
            return order
        }
        let run = VerificationRun(connection: scratch, database: database, stop: stop) { event in
            switch event {
            case .verified(let result): results.add(result)
            case .waits: break
            case .expects, .begins, .read, .unusable: report(event)
            }
        }
        return (try await run.perform(orders), results.all)
    }

    /// Adds the torrent with its verified pieces to the real database. Returns `nil` if the torrent is refused;
    /// `refused` receives the reason.
    package func adopt(
        _ result: VerificationResult, _ library: Library, refused: (String) -> Void
    ) async throws -> TorrentID? {
        let connection = library.connection
        let (metainfo, old) = (result.torrent.metainfo, result.torrent.row.id)
        let entries = try await AddRequest(library, AddOptions(output: output)).add(
            [metainfo], refused: refused)
        guard let id = entries.first?.id, let found = try scratch.torrents.row(old) else { return nil }
        let have = try scratch.pieces.have(of: old, count: metainfo.geometry.pieceCount)
        var record = ProgressRecord(torrent: id, verifiedAt: .now())
        record.newPieces = Array(have.pieces)
        record.files = try scratch.files.fingerprints(of: old) + (try await makeEmptyFiles(of: id, connection))
        record.fileBytes = metainfo.fileBytes(of: Array(metainfo.layout.files.indices), have: have)
        record.completedBytes = found.completedBytes
        record.completedAt = found.completedAt
        let digests = try scratch.digests.rows(of: old).values.map { FileDigest(file: $0.file, sha256: $0.sha256) }
        let volume = try await Disk().volume(at: FilePath(text: output))
        let text = "found \(have.population) of \(metainfo.geometry.pieceCount) pieces in \(output)"
        try connection.transaction(durability: .full) { [record] () throws(StoreError) in
            _ = try connection.pieces.record([record])
            try connection.digests.save(id, digests, now: .now())
            try connection.torrents.setRootSeen(id)
            if let volume {
                try connection.volumes.place(id, on: VolumeSighting(volume), now: .now())
            }
            try connection.events.append(.verified, text, torrent: id, now: .now())
            if let row = try connection.torrents.row(id), row.state != row.stateAtRest {
                try connection.torrents.setState(id, row.stateAtRest)
            }
            try connection.intents.append(.damaged, torrent: id, now: .now())
        }
        return id
    }

    /// Creates missing empty files. A payload from elsewhere may lack them, and the torrent would never be complete.
    private func makeEmptyFiles(of id: TorrentID, _ connection: Connection) async throws -> [FingerprintRow] {
        guard let row = try connection.torrents.row(id) else { return [] }
        let payload = try StoredTorrent(row, connection).payload
        let disk = try Disk()
        let there = Set(try await disk.fingerprints(payload).map(\.file))
        let lacking = payload.layout.files.filter { $0.isEmpty && !$0.isPad && !there.contains(.entry($0.index)) }.map(
            \.index)
        guard !lacking.isEmpty else { return [] }
        try connection.files.announce(id, lacking)
        try await disk.create(payload, .sparse, makingRoot: false)
        let report = await disk.sync(payload)
        try report.requireSuccess()
        return report.durable.map { FingerprintRow($0) }
    }

    private final class Results: Sendable {
        private let found = Mutex<[VerificationResult]>([])

        var all: [VerificationResult] { found.withLock(\.self) }
        func add(_ result: VerificationResult) { found.withLock { $0.append(result) } }
    }
}
