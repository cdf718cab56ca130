import Glibc
import Store
import SystemPackage
import TestSupport
import Torrent

/// Errands that read, choose or remove what is on the disk.
extension UserCommand {
    static let payload = [
        verify, verifyByEngine, verifyBesideEngine, remove, removeData, removeByEngine, removeBesideEngine,
        selectCommand, selectByEngine,
        selectedAtStart, usersFile,
    ]

    /// One bit of the second torrent's `b/c` turns over, and the file looks as ever.
    private static let rotten = PieceIndex(4)

    @Sendable static func rot(_ ground: Ground) async throws {
        try await ground.adoptAll()
        let torrent = ground.torrents[1]
        let path = torrent.path(2, in: ground.pieces.output)
        let before = try Files.status(path)
        let offset = torrent.geometry.offset(of: rotten) + 100 - torrent.metainfo.layout.files[2].offset
        let byte = try Files.read(path, at: offset, count: 1)[0]
        try Files.overwrite(path, at: offset, with: [byte ^ 0x10])
        try Files.setTimes(path, from: before)
    }

    /// What was right is claimed as ever; the rotten piece may be, until it was looked at.
    @Sendable static func onlyRotMayGo(_ ground: Ground, _ recordedStates: [RecordedState]) -> [String] {
        zip(ground.torrents, recordedStates).enumerated().flatMap { n, pair in
            let lost = Bitfield(fullCount: pair.0.geometry.pieceCount).subtracting(pair.1.claimed).subtracting(
                pair.1.opened
            ).pieces
                .filter { n == 0 || $0 != rotten }
            return lost.isEmpty ? [] : ["torrent \(n + 1): pieces \(lost) are right and not claimed any more"]
        }
    }

    private static let verify = UserCommand(
        name: "verify", prepare: rot, arguments: { _ in ["verify", "--quiet"] }, exitCodes: [0, 2], rotten: [1: rotten],
        faults: onlyRotMayGo
    ) { ground in
        try await ground.run(["verify", "--quiet"], exitCodes: [0, 2])
    }

    private static let verifyByEngine = UserCommand(
        name: "verify, by a running engine", prepare: rot, arguments: { $0.engine() },
        beside: { ground, running, mark in
            try await ground.untilAtWork(running)
            try mark()
            for torrent in [0, 1] { try ground.tell(.verify, torrent) }
            try await ground.until(running, "both to be checked") {
                try ground.look().events.rows(limit: 1000).count { $0.kind == .verified }
                    >= 4
            }
            try await ground.untilShare(1, of: 1, running)
            running.send(SIGTERM)
        }, rotten: [1: rotten], faults: onlyRotMayGo
    ) { ground in
        try await ground.run(["verify", "--quiet"], exitCodes: [0, 2])
    }

    private static let verifyBesideEngine = UserCommand(
        name: "verify, beside a running engine", hasEngine: true, prepare: rot,
        arguments: { _ in ["verify", "--quiet"] }, exitCodes: [0, 2],
        rotten: [1: rotten], faults: onlyRotMayGo
    ) { ground in
        try await ground.run(["verify", "--quiet"], exitCodes: [0, 2])
    }

    // MARK: A user's file

    /// The largest file of the first torrent: somebody else's file is at its path.
    private static func largest(_ ground: Ground) -> FileEntry {
        ground.torrents[0].metainfo.layout.files.max { $0.length < $1.length }
            ?? ground.torrents[0].metainfo.layout.files[0]
    }

    private static func theirs(_ ground: Ground) -> [UInt8] {
        SamplePayload(seed: 4711).bytes(at: 0, count: Int(largest(ground).length))
    }

    /// Whatever dies when: the file stays as it is, and the torrent is not downloaded into it.
    private static let usersFile = UserCommand(
        name: "a user's file in the output folder", torrents: 1,
        prepare: { ground in
            let path = ground.torrents[0].path(largest(ground).index, in: ground.pieces.output)
            try Files.makeFolders(path.removingLastComponent())
            try Files.write(theirs(ground), to: path)
            try await ground.run(["add", "--output", ground.pieces.output.string, try ground.file(0)])
        }, arguments: { $0.engine("--until-complete") }, exitCodes: [1],
        faults: { ground, _ in
            let path = ground.torrents[0].path(largest(ground).index, in: ground.pieces.output)
            return try Files.read(path) == theirs(ground) ? [] : ["the user's file was touched"]
        }
    ) { ground in
        // The user moves it away.
        let path = ground.torrents[0].path(largest(ground).index, in: ground.pieces.output)
        try Files.rename(path, to: ground.pieces.folder.appending("theirs"))
    }

    // MARK: remove

    /// Wholly there, or forgotten; the other torrent is as ever.
    @Sendable private static func othersStay(_ ground: Ground, _ recordedStates: [RecordedState]) -> [String] {
        var faults = ground.torrents[1].faults(in: ground.pieces.output)
        if !recordedStates[1].claimed.isFull { faults.append("torrent 2 has lost claims") }
        return faults
    }

    @Sendable private static func adoptPartly(_ ground: Ground) async throws { try await ground.adoptAll(partly: true) }

    /// Removes it where it is there still, and adds it again: what lies on the disk is taken as it is.
    @Sendable private static func removeAndAdd(_ ground: Ground) async throws {
        if try ground.row(0) != nil { try await ground.run(["remove", "1", "--delete-data"]) }
        try await ground.run(
            ["verify", "--quiet", try ground.file(0), "--output", ground.pieces.output.string, "--adopt"],
            exitCodes: [0, 2])
    }

    private static let remove = UserCommand(
        name: "remove", prepare: adoptPartly, arguments: { _ in ["remove", "1"] }, leaving: [0],
        faults: { ground, recordedStates in
            // Its payload isn't touched.
            let left = try ground.torrents[0].metainfo.layout.files.filter { $0.index != 3 }.filter {
                try Files.read(ground.torrents[0].path($0.index, in: ground.pieces.output))
                    != Array(ground.torrents[0].bytes(of: $0.index))
            }
            return othersStay(ground, recordedStates) + left.map { "\($0.displayPath) was touched" }
        }, conclude: removeAndAdd)

    private static let removeData = UserCommand(
        name: "remove --delete-data", prepare: adoptPartly, arguments: { _ in ["remove", "1", "--delete-data"] },
        leaving: [0], faults: othersStay,
        conclude: removeAndAdd)

    private static let removeByEngine = UserCommand(
        name: "remove --delete-data, by a running engine", prepare: adoptPartly, arguments: { $0.engine() },
        beside: { ground, running, mark in
            try await ground.untilAtWork(running)
            try mark()
            try ground.tell(.removeData, 0)
            try await ground.until(running, "torrent 1 to be gone") { try ground.row(0) == nil }
            running.send(SIGTERM)
        }, leaving: [0], faults: othersStay, conclude: removeAndAdd)

    private static let removeBesideEngine = UserCommand(
        name: "remove, beside a running engine", hasEngine: true, prepare: adoptPartly,
        arguments: { _ in ["remove", "1", "--delete-data"] },
        leaving: [0], faults: othersStay, conclude: removeAndAdd)

    // MARK: select

    /// The middle file is there, and what its first and last piece have of its neighbours is in the part file.
    @Sendable private static func downloadOneFile(_ ground: Ground) async throws {
        ground.peers[0].behave(.good)
        try await ground.run(
            try ground.pieces.download(ground.torrents[0], from: [ground.peers[0].address], ["--select", "3"]))
        ground.peers[0].behave(.slow(Ground.pace))
    }

    @Sendable private static func selectAll(_ ground: Ground) async throws {
        try await ground.run(["select", "1", "--all"])
    }

    private static let selectCommand = UserCommand(
        name: "select", torrents: 1, prepare: downloadOneFile, arguments: { _ in ["select", "1", "--all"] },
        conclude: selectAll)

    private static let selectByEngine = UserCommand(
        name: "select, by a running engine", torrents: 1, prepare: downloadOneFile, arguments: { $0.engine() },
        beside: { ground, running, mark in
            try await ground.untilAtWork(running)
            try mark()
            try await selectAll(ground)
            try await ground.untilShare(1, of: 0, running)
            running.send(SIGTERM)
        }, conclude: selectAll)

    /// Chosen in the database alone, as by an engine that died then: the next one promotes at its start.
    private static let selectedAtStart = UserCommand(
        name: "select, for the next start", torrents: 1,
        prepare: { ground in
            try await downloadOneFile(ground)
            let (torrent, id) = (ground.torrents[0], TorrentID(1))
            let connection = try Connection.open(ground.pieces.database, mode: .readWrite, now: .now())
            let have = try connection.pieces.have(of: id, count: torrent.geometry.pieceCount)
            let total = torrent.geometry.totalBytes
            let bytes = have.pieces.reduce(Int64(0)) { $0 + Int64(torrent.geometry.length(of: $1)) }
            try connection.torrents.setSelection(
                id, wanted: torrent.metainfo.layout.files.map { _ in true }, wantedBytes: total, completedBytes: bytes)
        }, arguments: { $0.engine("--until-complete") })
}
