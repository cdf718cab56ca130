import Glibc
import Store
import SystemPackage
import TestSupport
import Torrent

/// Torrents that are taken over from another client.
extension UserCommand {
    static let imports = [importAll, importByEngine]

    /// One bit of the second torrent's `b/c` has turned over, which the other client doesn't know.
    private static let rotten = PieceIndex(4)

    /// The payload, and the state of a Transmission that claims all of it.
    @Sendable private static func makeState(_ ground: Ground) async throws {
        let state = ground.pieces.folder.appending("state")
        for name in ["resume", "torrents"] { try Files.makeFolders(state.appending(name)) }
        let output = ground.pieces.output.string
        for torrent in ground.torrents {
            try torrent.write(to: ground.pieces.output)
            let resume =
                "d11:destination\(output.utf8.count):\(output)6:pausedi0e8:progressd6:blocks3:allee"
            try Files.write(Array(resume.utf8), to: state.appending("resume/\(torrent.infoHash).resume"))
            try Files.write(torrent.file, to: state.appending("torrents/\(torrent.infoHash).torrent"))
        }
        let torrent = ground.torrents[1]
        let path = torrent.path(2, in: ground.pieces.output)
        let offset = torrent.geometry.offset(of: rotten) + 100 - torrent.metainfo.layout.files[2].offset
        let byte = try Files.read(path, at: offset, count: 1)[0]
        try Files.overwrite(path, at: offset, with: [byte ^ 0x10])
    }

    private static func words(_ ground: Ground, _ more: String...) -> [String] {
        ["import", ground.pieces.folder.appending("state").string, "--quiet"] + more
    }

    /// What was right stays on the disk as it is, and the other client's state does.
    @Sendable private static func nothingIsTouched(_ ground: Ground, _ recordedStates: [RecordedState]) throws
        -> [String]
    {
        var faults = ground.torrents[0].faults(in: ground.pieces.output)
        let names = try Files.names(in: ground.pieces.folder.appending("state/resume"))
        if names.count != ground.torrents.count { faults.append("the other client's state has \(names)") }
        return faults
    }

    /// What a user does after a death: the same command once more.
    @Sendable private static func again(_ ground: Ground) async throws {
        try await ground.run(words(ground), exitCodes: [0, 2])
        let connection = try ground.look()
        guard let sum = try connection.imports.sum(), sum.torrents == ground.torrents.count, sum.unhashed == 0 else {
            throw CommandFault("not everything was imported and hashed")
        }
    }

    private static let importAll = UserCommand(
        name: "import", prepare: makeState, arguments: { words($0) }, exitCodes: [0, 2], rotten: [1: rotten],
        leaving: [0, 1], faults: nothingIsTouched, conclude: again)

    private static let importByEngine = UserCommand(
        name: "import, hashed by a running engine",
        prepare: { ground in
            try await makeState(ground)
            try await ground.run(words(ground, "--no-hash"))
        }, arguments: { $0.engine() },
        beside: { ground, running, mark in
            try await ground.untilAtWork(running)
            try mark()
            try await ground.until(running, "both to be checked") {
                try ground.look().imports.sum()?.unhashed == 0
            }
            try await ground.untilShare(1, of: 1, running)
            running.send(SIGTERM)
        }, rotten: [1: rotten], faults: nothingIsTouched, conclude: again)
}
