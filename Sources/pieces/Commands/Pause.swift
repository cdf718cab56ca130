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
              pieces pause debian.iso '*.txt'
              pieces pause --all
            """)

    @OptionGroup var arguments: TorrentsOrAll
    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func run() async throws {
        let torrents = try Library(try global.openToChange()).pause(arguments.choice)
        for torrent in torrents { reporting.report("paused", torrent) }
        arguments.reportNone(torrents.count, reporting, "no torrent to pause")
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
              pieces resume --all
            """)

    @OptionGroup var arguments: TorrentsOrAll
    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func run() async throws {
        let torrents = try Library(try global.openToChange()).resume(arguments.choice)
        for torrent in torrents { reporting.report("resumed", torrent) }
        arguments.reportNone(torrents.count, reporting, "no torrent to resume")
    }
}
