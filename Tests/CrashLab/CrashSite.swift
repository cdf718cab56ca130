import Disk
package import Engine
import Library
package import Store
import Swarm
package import SystemPackage
package import TestSupport
package import Torrent

/// A folder with a database and an output folder, in which sessions run on a recorded disk.
package struct CrashSite: Sendable {
    /// Names below the folder.
    package static let databaseName = "pieces.db"
    package static let outputName = "output"

    package let recording: Recording
    package let disk: RecordedDisk
    /// `nil` where the database isn't recorded: then it is reached as ever.
    private let vfs: RecordedVFS?
    private let tuning: Tuning

    /// What a scenario wants to be otherwise than usual, so that it is reached by little; `nil` is the usual number.
    package struct Tuning: Sendable {
        /// Pages of the log at which a commit also checkpoints.
        package var checkpointPages: Int?
        /// Files that are synced as one.
        package var volumeSyncFrom: Int?
        /// Whether a file can have names in two folders.
        package var hasLinks: Bool

        package init(checkpointPages: Int? = nil, volumeSyncFrom: Int? = nil, hasLinks: Bool = true) {
            self.checkpointPages = checkpointPages
            self.volumeSyncFrom = volumeSyncFrom
            self.hasLinks = hasLinks
        }
    }

    package init(
        _ recording: Recording, recordsDatabase: Bool = true, tuning: Tuning = Tuning(), lie: RecordedDisk.Lie? = nil
    ) {
        self.recording = recording
        self.tuning = tuning
        disk = RecordedDisk(recording, hasLinks: tuning.hasLinks, lie: lie)
        vfs = recordsDatabase ? RecordedVFS(recording) : nil
    }

    package var database: FilePath { recording.folder.appending(Self.databaseName) }
    package var output: FilePath { recording.folder.appending(Self.outputName) }

    package var options: DatabaseOptions {
        var options = DatabaseOptions()
        options.vfs = vfs?.name
        if vfs != nil { options.folderCalls = RecordedFolder(recording) }
        if let checkpointPages = tuning.checkpointPages { options.checkpointPages = checkpointPages }
        return options
    }

    /// A connection of another process's.
    package func connect() throws -> Connection {
        try Connection.open(database, mode: .readWriteCreate, options: options, now: .now())
    }

    /// Adds the torrent, as `pieces add` does.
    package func add(_ part: CrashPart) throws -> TorrentID {
        if part.isMagnet {
            let link = MagnetLink(infoHash: part.torrent.infoHash, trackers: [], peers: [])
            return try connect().magnets.insert(
                NewMagnet(link: link, output: RecordedDisk.root.appending(Self.outputName).string), now: .now())
        }
        var settings = TorrentSettings()
        settings.allocatesFull = part.allocatesFull
        let new = NewTorrent(
            metainfo: part.torrent.metainfo, output: RecordedDisk.root.appending(Self.outputName).string,
            settings: settings,
            wanted: part.wanted)
        return try connect().torrents.insert(new, now: .now())
    }

    /// Changes which files are wanted, as `pieces select` does.
    package func select(_ id: TorrentID, _ part: CrashPart, _ wanted: [Bool]) throws {
        let (geometry, layout) = (part.torrent.geometry, part.torrent.metainfo.layout)
        let connection = try connect()
        try connection.transaction { () throws(StoreError) in
            let have = try connection.pieces.have(of: id, count: geometry.pieceCount)
            let wantedBytes = layout.files.reduce(Int64(0)) { wanted[$1.index] && !$1.isPad ? $0 + $1.length : $0 }
            try connection.torrents.setSelection(
                id, wanted: wanted, wantedBytes: wantedBytes,
                completedBytes: part.torrent.bytes(of: have, inFiles: wanted))
        }
    }

    package func pause(_ id: TorrentID, _ isPaused: Bool) throws { try connect().torrents.setPaused(id, isPaused) }

    /// How much of the torrent is recorded, from 0 to 1.
    package func share(of id: TorrentID) throws -> Double {
        try connect().torrents.row(id).map { Double($0.piecesHave) / Double(max(1, $0.pieceCount)) } ?? 0
    }

    /// Tells a running engine something.
    package func tell(_ verb: IntentVerb, _ id: TorrentID) throws {
        try connect().intents.append(verb, torrent: id, argument: nil, now: .now())
    }

    /// Waits until the database says of all of these that what is wanted is there.
    package func untilComplete(_ ids: [TorrentID], within limit: Duration = .seconds(30)) async throws {
        let connection = try connect()
        for id in ids {
            try await eventually(try "torrent \(id) to be complete: \(told(of: id, connection))", within: limit) {
                try connection.torrents.row(id).map { $0.isComplete && $0.completedAt != nil } ?? true
            }
        }
    }

    private func told(of id: TorrentID, _ connection: Connection) throws -> String {
        guard let row = try connection.torrents.row(id) else { return "gone" }
        let opened = try connection.pieces.writeIntents(of: id, count: row.pieceCount).population
        return
            "\(row.state.rawValue), \(row.error ?? "no error"), \(row.piecesHave) of \(row.pieceCount) pieces, \(opened) opened, "
            + "\(row.completedBytes) of \(row.wantedBytes) bytes, "
            + (try connection.events.rows(of: id, limit: 5)).map { "\($0.kind): \($0.detail)" }.joined(separator: "; ")
    }

    /// Starts what the torrent's payload comes from, at so many blocks a second, or as fast as it can.
    func startServer(of part: CrashPart, _ id: TorrentID, rate: Int? = nil) async throws -> any BlockServer {
        if part.isMagnet { return try await FakeMetadataPeer.start(part.torrent) }
        guard part.hasWebSeed else {
            return try await FakePeer.start(part.torrent, rate.map { .slow($0) } ?? .good)
        }
        let server = try await FakeWebSeed.start(part.torrent, FakeWebSeed.Habits(rate: rate))
        try replaceWebSeeds(of: id, with: server)
        return server
    }

    /// The server of an earlier stage is gone.
    private func replaceWebSeeds(of id: TorrentID, with server: FakeWebSeed) throws {
        let connection = try connect()
        try connection.transaction { () throws(StoreError) in
            _ = try connection.webSeeds.remove(
                torrent: id, urls: try connection.webSeeds.rows(of: id).map(\.url))
            try connection.webSeeds.add(torrent: id, urls: [server.url], origin: .user)
        }
    }

    /// The use cases of another process.
    func library() throws -> Library { Library(try connect(), makeDisk: makeDisk) }

    @Sendable private func makeDisk() throws -> Disk {
        guard let volumeSyncFrom = tuning.volumeSyncFrom else { return try Disk(cores: 2, calls: disk) }
        return try Disk(cores: 2, volumeSyncFrom: volumeSyncFrom, calls: disk)
    }

    /// Runs an engine beside `body`, and stops it cleanly.
    package func run<Value: Sendable>(
        _ servers: [any BlockServer], only ids: Set<TorrentID>? = nil, _ body: (Session) async throws -> Value
    ) async throws -> Value {
        var settings = EngineSettings(database: database)
        settings.databaseOptions = options
        if let ids { settings.scope = .only(ids) }
        settings.listenPort = 0
        settings.bind = .v4(0x7f00_0001)
        settings.peers = servers.flatMap(\.peerAddresses)
        settings.swarm.commitInterval = .milliseconds(20)
        settings.swarm.partialAge = .milliseconds(100)
        _ = Quiet.bootstrap
        let session = try await Session.open(settings, disk: try makeDisk())
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
}

/// A torrent of a scenario, and what the user wants of it.
package struct CrashPart: Sendable {
    package let torrent: SampleTorrent
    package var wanted: [Bool]?
    package var allocatesFull = false
    /// Whether its payload comes from a web seed; otherwise from a peer.
    package var hasWebSeed = false
    /// Whether it is added by its magnet link, so that its peer has to serve the metadata first.
    package var isMagnet = false
    /// A piece of which a bit turns over on the disk, after it was recorded.
    package var rotten: PieceIndex?

    package init(
        _ torrent: SampleTorrent, wanted: [Bool]? = nil, allocatesFull: Bool = false, hasWebSeed: Bool = false,
        isMagnet: Bool = false, rotten: PieceIndex? = nil
    ) {
        self.isMagnet = isMagnet
        self.rotten = rotten
        self.torrent = torrent
        self.wanted = wanted
        self.allocatesFull = allocatesFull
        self.hasWebSeed = hasWebSeed
    }
}

/// What a harness cannot go on with, or what it found.
package struct CrashFault: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
