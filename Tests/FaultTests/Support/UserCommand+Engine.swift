import Glibc
import Store
import SystemPackage
import TestSupport
import Torrent

/// Errands about engines that download.
extension UserCommand {
    static let engine = [
        severalTorrents, commandsPauseAndResumeATorrent, pauseCommand, resumeCommand, backupBesideEngine,
    ]

    @Sendable private static func add(_ ground: Ground) async throws { try await ground.addAll() }

    /// Three at once, of which the last one is there in a moment.
    private static let severalTorrents = UserCommand(
        name: "run, with several torrents", torrents: 3,
        prepare: { ground in
            try await add(ground)
            ground.peers[2].behave(.good)
        }, arguments: { $0.engine("--until-complete") })

    private static let commandsPauseAndResumeATorrent = UserCommand(
        name: "pause and resume, by a running engine", prepare: add, arguments: { $0.engine() },
        beside: { ground, running, mark in
            try await ground.untilShare(0.2, of: 0, running)
            try mark()
            try await ground.run(["pause", "1"])
            try await ground.until(running, "torrent 1 to rest") { try ground.row(0)?.state == .paused }
            try await ground.run(["resume", "1"])
            for torrent in [0, 1] { try await ground.untilShare(1, of: torrent, running) }
            running.send(SIGTERM)
        }, conclude: { try await $0.run(["resume", "1"]) })

    private static let pauseCommand = UserCommand(
        name: "pause, beside a running engine", hasEngine: true, prepare: add, arguments: { _ in ["pause", "1", "2"] },
        conclude: { try await $0.run(["resume", "1", "2"]) })

    private static let resumeCommand = UserCommand(
        name: "resume, beside a running engine", hasEngine: true,
        prepare: { ground in
            try await add(ground)
            try await ground.run(["pause", "1", "2"])
        }, arguments: { _ in ["resume", "1", "2"] }, conclude: { try await $0.run(["resume", "1", "2"]) })

    private static let backupBesideEngine = UserCommand(
        name: "database backup, beside a running engine", hasEngine: true, prepare: add,
        arguments: { ["database", "backup", $0.pieces.database.string + ".copy"] }, exitCodes: [0, 1],
        faults: backupIsWholeOrNone)
}
