import ArgumentParser
import Store
import Torrent

/// The options for the output of a long-running command.
struct ReportOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Print only errors.")
    var quiet = false

    @Flag(help: "Print JSON, one object per line; see `pieces help json`.")
    var json = false

    func validate() throws {
        guard !(quiet && json) else { throw ValidationError("give either --quiet or --json") }
    }

    /// Reports what was done to a torrent, as a line that begins with the word, or as JSON.
    func report(_ event: String, _ torrent: TorrentRow) {
        if json {
            ChangeJSON.print(event, torrent)
        } else if !quiet {
            Terminal.shared.print("\(event) \(torrent.id)  \(torrent.name.printable)")
        }
    }
}
