import ArgumentParser

/// The options of commands that list something about one torrent.
struct ListOptions: ParsableArguments {
    @OptionGroup var argument: TorrentArgument

    @Flag(help: "Print JSON; see `pieces help json`.")
    var json = false

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions
}

/// A command that lists something about one torrent.
protocol ListCommand: DirectCommand, AnsweringCommand {
    var options: ListOptions { get }
}

extension ListCommand {
    var argument: TorrentArgument { options.argument }
    var json: Bool { options.json }
    var global: GlobalOptions { options.global }
}
