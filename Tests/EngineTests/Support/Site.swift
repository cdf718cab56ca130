import Disk
import Engine
import Store
import SystemPackage
import TestSupport
import Torrent

/// A database and an output folder of their own, for engines that run one after the other.
struct Site: Sendable {
    let folder: FilePath

    var database: FilePath { folder.appending("pieces.db") }
    var output: FilePath { folder.appending("output") }

    // MARK: Database

    /// Adds the torrent, as `pieces add` does, in the site's output folder or in another one.
    func add(
        _ torrent: SampleTorrent, wanted: [Bool]? = nil, in folder: FilePath? = nil,
        _ change: (inout TorrentSettings) -> Void = { _ in }
    ) throws -> TorrentID {
        var settings = TorrentSettings()
        change(&settings)
        let new = NewTorrent(
            metainfo: torrent.metainfo, output: (folder ?? output).string, settings: settings, wanted: wanted)
        return try write { db throws(StoreError) in try db.torrents.insert(new, now: .now()) }
    }

    /// Adds torrents whose files are there, as if they had been downloaded and verified in an earlier run.
    func addComplete(_ torrents: [SampleTorrent]) throws -> [TorrentID] {
        for torrent in torrents { try torrent.write(to: output) }
        return try write { db throws(StoreError) in
            try db.transaction { () throws(StoreError) in
                var ids: [TorrentID] = []
                for torrent in torrents {
                    let id = try db.torrents.insert(
                        NewTorrent(metainfo: torrent.metainfo, output: output.string), now: .now())
                    var record = ProgressRecord(torrent: id, verifiedAt: .now())
                    record.newPieces = Array(torrent.geometry.pieces)
                    record.completedBytes = torrent.geometry.totalBytes
                    record.completedAt = .now()
                    _ = try db.pieces.record([record])
                    try db.torrents.setRootSeen(id)
                    try db.torrents.setState(id, .seeding)
                    ids.append(id)
                }
                return ids
            }
        }
    }

    /// A transaction of another process's.
    @discardableResult
    func write<Value>(_ body: (Connection) throws(StoreError) -> Value) throws -> Value {
        try body(try Connection.open(database, mode: .readWriteCreate, now: .now()))
    }

    func read<Value>(_ body: (Connection) throws(StoreError) -> Value) throws -> Value {
        try body(try Connection.open(database, mode: .readOnly, now: .now()))
    }

    func row(_ id: TorrentID) throws -> TorrentRow {
        guard let row = try read({ db throws(StoreError) in try db.torrents.row(id) }) else {
            throw TestFault("torrent \(id) is gone")
        }
        return row
    }

    /// The trackers of each of the torrents.
    func trackers(_ ids: [TorrentID]) throws -> [[TrackerRow]] {
        try read { db throws(StoreError) in
            var all: [[TrackerRow]] = []
            for id in ids { all.append(try db.trackers.rows(of: id)) }
            return all
        }
    }

    /// The pieces that the database claims.
    func claimed(_ id: TorrentID, _ torrent: SampleTorrent) throws -> Bitfield {
        try read { db throws(StoreError) in try db.pieces.have(of: id, count: torrent.geometry.pieceCount) }
    }

    /// The blocks that it remembers of incomplete pieces.
    func partialBlocks(_ id: TorrentID) throws -> Set<BlockRef> {
        let rows = try read { db throws(StoreError) in try db.pieces.partials(of: id) }
        return rows.reduce(into: []) { set, row in
            for block in 0..<row.blocks.count * 8 where row.blocks[block / 8] & (0x80 >> UInt8(block % 8)) != 0 {
                set.insert(BlockRef(piece: row.piece, block: block))
            }
        }
    }

    /// What the log says of the kind, oldest first.
    func events(_ kind: EventKind, of id: TorrentID) throws -> [String] {
        try read { db throws(StoreError) in try db.events.rows(of: id, limit: 1000) }.reversed().filter {
            $0.kind == kind
        }
        .map(\.detail)
    }

    /// Tells a running engine something.
    func tell(_ verb: IntentVerb, _ id: TorrentID? = nil, argument: String? = nil) throws {
        try write { db throws(StoreError) in try db.intents.append(verb, torrent: id, argument: argument, now: .now()) }
    }

    /// Waits until the running engine has performed all that it was told so far: what it was to do at once, it has
    /// begun. A test that says what an engine doesn't do waits for this, not for a while.
    ///
    /// The engine deletes what it is told before it performs it, and takes no more until it has: so the second request,
    /// which like the first is of no torrent, is gone when everything before the first is done.
    func untilSettled() async throws {
        for _ in 0..<2 {
            try tell(.announce)
            try await eventually("the engine to take what it is told") {
                try read { db throws(StoreError) in try db.value("SELECT count(*) FROM intent") ?? 0 } == 0
            }
        }
    }

    // MARK: Engine

    func settings(_ peers: [PeerAddress]) -> EngineSettings {
        var settings = EngineSettings(database: database)
        settings.listenPort = 0
        settings.peers = peers
        // On a machine that is slow trackers hear goodbye, too.
        settings.goodbyeTime = .seconds(60)
        return settings
    }

    /// Runs an engine beside `body`, and stops it cleanly.
    @discardableResult
    func run<Value>(
        peers: [PeerAddress] = [], disk: Disk? = nil, _ change: (inout EngineSettings) -> Void = { _ in },
        isolation: isolated (any Actor)? = #isolation,
        _ body: (Session) async throws -> Value
    ) async throws -> Value {
        var settings = settings(peers)
        change(&settings)
        _ = Quiet.bootstrap
        let session = try await Session.open(settings, disk: disk)
        let result: Result<Value, any Error>
        do {
            try await session.start()
            result = .success(try await body(session))
        } catch {
            result = .failure(error)
        }
        await session.stop()
        await session.release()
        return try result.get()
    }

    /// Runs an engine until the torrent is complete and recorded, and stops it cleanly.
    func download(_ id: TorrentID, from peers: [FakePeer], within limit: Duration = .seconds(60)) async throws {
        try await run(peers: peers.map(\.address)) { _ in try await untilComplete(id, within: limit) }
    }

    /// Waits until the database says that all that is wanted is there.
    func untilComplete(_ id: TorrentID, within limit: Duration = .seconds(60)) async throws {
        let connection = try Connection.open(database, mode: .readOnly, now: .now())
        try await eventually(try "torrent \(id) to be complete: \(row(id))", within: limit) {
            let row = try connection.torrents.row(id)
            return row.map { $0.isComplete && $0.completedAt != nil } ?? false
        }
    }
}

/// What a test cannot go on with.
struct TestFault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Runs `body` with a site of its own, which is gone after.
func withSite<Value>(
    inMemory: Bool = false, isolation: isolated (any Actor)? = #isolation, _ body: (Site) async throws -> Value
) async throws -> Value {
    try await withTemporaryFolder(inMemory: inMemory) { folder in
        let site = Site(folder: folder)
        try Files.makeFolders(site.output)
        return try await body(site)
    }
}

extension Session {
    /// How the torrent does, if it is awake.
    func snapshot(_ id: TorrentID) async -> TorrentSnapshot? { await snapshots().first { $0.id == id } }

    /// Where this engine's peers can be reached.
    var address: PeerAddress { get async { PeerAddress(.v4(0x7f00_0001), port: listenPort) } }
}
