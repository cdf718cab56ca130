import ArgumentParser
import Library
import Store
import Torrent

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

    func run() async throws {
        for torrent in try Library(try global.openToChange()).pause(arguments.torrents) {
            Terminal.shared.print("paused \(torrent.id)  \(torrent.name.printable)")
        }
    }
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

    func run() async throws {
        for torrent in try Library(try global.openToChange()).resume(arguments.torrents) {
            Terminal.shared.print("resumed \(torrent.id)  \(torrent.name.printable)")
        }
    }
}
