import ArgumentParser
import Engine
import Store

/// `pieces pause`
struct Pause: Command {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Pause torrents until `pieces resume`.",
        discussion: """
            Examples:
              pieces pause 3
              pieces pause debian.iso alice.txt
            """)

    @OptionGroup var arguments: TorrentArguments
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws { try PauseChange(global).apply(true, to: arguments.torrents) }
}

/// `pieces resume`
struct Resume: Command {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Resume paused torrents and retry failed ones.",
        discussion: """
            Examples:
              pieces resume 3
              pieces resume 9b3c
            """)

    @OptionGroup var arguments: TorrentArguments
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws { try PauseChange(global).apply(false, to: arguments.torrents) }
}

/// Pauses and resumes.
private struct PauseChange {
    private let global: GlobalOptions

    init(_ global: GlobalOptions) { self.global = global }

    func apply(_ isPaused: Bool, to names: [String]) throws {
        let connection = try global.openToChange()
        let torrents = try connection.findTorrents(names)
        let engine = try EngineState(database: try global.path, connection)
        try connection.transaction { () throws(StoreError) in
            for torrent in torrents {
                try connection.setPaused(torrent.id, isPaused)
                // An engine knows better what the torrent does from now on.
                if !engine.isRunning, let row = try connection.torrent(torrent.id) {
                    // A complete torrent that can't be reached stays so until an engine looks again.
                    if row.isComplete {
                        try connection.settleAtRest(row.id)
                    } else {
                        try connection.setState(row.id, row.stateAtRest)
                    }
                }
                try connection.appendEvent(
                    isPaused ? .paused : .resumed, "by the user", torrent: torrent.id, now: .now())
                try connection.appendIntent(.changed, torrent: torrent.id, now: .now())
            }
        }
        for torrent in torrents {
            Terminal.shared.print("\(isPaused ? "paused" : "resumed") \(torrent.id)  \(torrent.name.printable)")
        }
    }
}
