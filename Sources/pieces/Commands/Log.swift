import ArgumentParser
import Library
import Store
import Torrent

extension EventKind {
    /// Problems are red; everything else has no colour.
    fileprivate var colour: Colour? {
        [.failed, .rot, .unreadable, .missing, .unavailable, .inheritedDamage, .damaged, .offline, .killed, .banned]
            .contains(self) ? .red : nil
    }
}

/// `pieces log`
struct Log: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Show the events of a torrent, or of all torrents, newest last.",
        discussion: """
            Examples:
              pieces log debian.iso
              pieces log --limit 500
              pieces log 3 --follow --json

            The log of a torrent includes when engines started, stopped or were killed.
            """)

    /// The maximum number of events that one round of --follow reads.
    private static let followLimit = 1000

    @Argument(
        help: ArgumentHelp(
            "A number, hash prefix or name; see `pieces help torrents`. Default: all torrents.", valueName: "torrent"),
        completion: TorrentCompletion.torrents)
    var torrent: String?

    @Option(help: ArgumentHelp("Number of events to show, counted from the newest.", valueName: "n"))
    var limit = 50

    @Flag(
        name: .shortAndLong, help: "Keep printing new events until interrupted, or until the reader closes the output.")
    var follow = false

    @Flag(help: "Print JSON, one object per line; see `pieces help json`.")
    var json = false

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func validate() throws {
        guard (0...EventTable.limit).contains(limit) else {
            throw ValidationError("--limit must be a number from 0 to \(EventTable.limit)")
        }
    }

    func run() async throws {
        let (id, first) = try begin()
        var last = first
        while follow {
            try await Interruption.pause(.milliseconds(500))
            try Terminal.shared.requireReader()
            last = try look(id, after: last)
        }
    }

    /// Prints the existing events, and returns the ID of the chosen torrent and the number of the last event.
    private func begin() throws -> (TorrentID?, last: Int64) {
        let list = try Library(try global.openToLook()).events(of: torrent, limit: limit)
        _ = try tell(list.events, after: 0)
        return (list.torrent, list.last)
    }

    /// Prints new events. The connection is closed afterwards, because an engine whose log may be damaged waits until
    /// no process has the database open.
    private func look(_ id: TorrentID?, after last: Int64) throws -> Int64 {
        try tell(
            try Rereading.run { try Library(try global.openToLook()).events(of: id, limit: Self.followLimit) },
            after: last)
    }

    /// Prints events, which are passed newest first, and returns the number of the last one.
    private func tell(_ events: [EventRow], after last: Int64) throws -> Int64 {
        var bytes: [UInt8] = []
        for event in events.reversed() where event.id > last {
            if json {
                bytes += JSONWriter.line { EventJSON.fields(of: event, &$0) }
            } else {
                let torrent = event.torrent.map { "\($0)" } ?? "-"
                let kind = Terminal.shared.display.text(event.kind.rawValue.printable, event.kind.colour).padded(10)
                let start = "\(Format.moment(event.at))  \(torrent.padded(4, right: true))  \(kind)  "
                let line = Terminal.shared.wrapped(start + event.detail.printable, indent: start.columns)
                bytes += Array("\(line)\n".utf8)
            }
        }
        if !bytes.isEmpty { Terminal.shared.print(bytes: bytes) }
        return max(last, events.first?.id ?? 0)
    }
}
