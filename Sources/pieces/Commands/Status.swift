import ArgumentParser
import Library
import Store
import System
import Torrent

/// `pieces status`
struct Status: DirectCommand, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the state of torrents; works without a running engine.",
        discussion: """
            Examples:
              pieces status
              pieces status --watch
              pieces status --state downloading --state error --sort down
              pieces status 'debian-*' --columns name,done,ratio,folder
              pieces status 3 --json --pieces
              pieces status --label archive --columns id,name,labels

            `state` is also `stopped`: the torrent is to be downloaded, but no engine is running; JSON says queued. With --watch, \
            what moves is listed first; space and b, or the arrow keys, turn the pages, and q ends.
            """)

    @Argument(
        help: ArgumentHelp(
            "Numbers, first digits of info hashes, names, or globs of names. Default: all torrents.",
            valueName: "torrent"),
        completion: TorrentCompletion.torrents)
    var torrents: [String] = []

    @Flag(help: "Print JSON; see `pieces help json`.")
    var json = false

    @Flag(
        help:
            "Refresh every second until interrupted, or until the reader closes the output; with --json, print one object per line."
    )
    var watch = false

    @Flag(help: "Show which pieces are on disk.")
    var pieces = false

    @OptionGroup(title: "List options") var list: StatusOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    /// Bytes of a torrent in JSON, without its pieces and with marks as names: memory that grows is copied.
    private static let usualLength = 300

    /// How often a key is looked for while the list is refreshed.
    private static let keyInterval = Duration.milliseconds(100)

    func validate() throws {
        if json, list.columns != nil { throw ValidationError("give either --json or --columns") }
    }

    var waits: Bool { watch }

    func runDirectly() throws { Terminal.shared.print(parts: try text()) }

    func run() async throws {
        guard !json, Terminal.shared.isInteractive else {
            while watch {
                Terminal.shared.print(parts: try text())
                try await Interruption.pause(.seconds(1))
                try Terminal.shared.requireReader()
            }
            return
        }
        let keyboard = Keyboard()
        defer { keyboard?.restore() }
        var page = 0
        while true {
            let screen = try Rereading.run { try read(page: page, hasKeys: keyboard != nil) }
            page = screen.page
            Terminal.shared.show(screen.lines)
            switch try await key(keyboard) {
            case .quit: return
            case .next: page += 1
            case .back: page = max(0, page - 1)
            case nil: break
            }
        }
    }

    /// Waits for a key, at most until the list has to be refreshed.
    private func key(_ keyboard: Keyboard?) async throws -> Keyboard.Key? {
        guard let keyboard else {
            try await Interruption.pause(.seconds(1))
            return nil
        }
        for _ in 0..<10 {
            try await Interruption.pause(Self.keyInterval)
            if let key = keyboard.key() { return key }
        }
        return nil
    }

    /// Formats everything before any of it is written, because a reader that is slow or stopped must not hold back the
    /// database's log.
    private func text() throws -> [KeptText] { try Rereading.run { try read() } }

    private func read() throws -> [KeptText] {
        guard let connection = try global.openToRead() else { return try textWithoutDatabase() }
        return try Library(connection).readStatus(of: torrents, labels: list.labels.names) {
            (reading) throws(StoreError) in
            json ? try object(reading) : try table(reading).parts
        }
    }

    /// Reads a page of a watched list; the last one if there are fewer.
    private func read(page: Int, hasKeys: Bool) throws -> (lines: [String], page: Int) {
        guard let connection = try global.openToRead() else {
            return ([String(decoding: try textWithoutDatabase().joined.dropLast(), as: UTF8.self)], 0)
        }
        let room = Terminal.shared.room
        return try Library(connection).readStatus(of: torrents, labels: list.labels.names) {
            (reading) throws(StoreError) in
            var last = 0
            let table = try table(reading) { table, chosen in
                let errors = chosen.count { $0.line.error != nil }
                var rows = table.rows(in: room, errors: errors)
                guard chosen.count > rows else { return 0..<chosen.count }
                // The line about the rest needs room, too.
                rows = max(1, rows - 1)
                last = (chosen.count - 1) / rows
                let first = min(page, last) * rows
                let end = min(first + rows, chosen.count)
                table.remainder =
                    hasKeys
                    ? "\(first + 1)-\(end) of \(Format.count(chosen.count)): space and b turn the pages, q ends"
                    : Self.remainder(chosen.count - rows)
                return first..<end
            }
            return (table.lines(in: room), min(page, last))
        }
    }

    private static func remainder(_ count: Int) -> String {
        "and \(Format.count(count, "more torrent")): `pieces status` lists all"
    }

    private func textWithoutDatabase() throws -> [KeptText] {
        let database = try global.path
        guard torrents.isEmpty, list.labels.names.isEmpty else {
            throw Failure("\(try global.access.absence); so there is no torrent")
        }
        guard json else { return [KeptText("\(try global.access.absence)\n".utf8)] }
        return StatusJSON(try EngineState(database: database, nil), nil, nil).parts([])
    }

    private func object(_ reading: StatusReading) throws(StoreError) -> [KeptText] {
        let status = StatusJSON(
            reading.engine, try reading.recovery(), try reading.queue(), try reading.limits())
        let showsPieces = pieces
        guard !list.isEverything else {
            let store = TextStore()
            return status.parts(
                try reading.inStripes { (reading) throws(StoreError) in
                    var json = JSONWriter(
                        capacity: max(1, reading.expectedTorrents) * Self.usualLength, namesAreMarks: true)
                    try reading.forEachRow { (torrent) throws(StoreError) in
                        status.append(torrent, showsPieces ? try reading.have(torrent.line) : nil, to: &json)
                    }
                    return store.keep(json)
                })
        }
        let rows = try reading.inStripes { (reading) throws(StoreError) in
            var rows: [StatusRow] = []
            try reading.forEachRow { (torrent) throws(StoreError) in rows.append(torrent) }
            return rows
        }
        var json = JSONWriter()
        for torrent in list.chosen(rows.flatMap(\.self), reading.engine, .now(), { $0.line })
            .prefix(list.limit ?? .max)
        {
            status.append(torrent, showsPieces ? try reading.have(torrent.line) : nil, to: &json)
        }
        return status.parts([KeptText(json)])
    }

    /// A torrent of the table; the row is read only if a column needs it.
    private typealias Item = (line: StatusLine, row: StatusRow?)

    /// Fills the table. `range` chooses the torrents with a line out of the sorted ones; by default, the table has all.
    private func table(_ reading: StatusReading, range: ((inout StatusTable, [Item]) -> Range<Int>)? = nil)
        throws(StoreError) -> StatusTable
    {
        // The queue is described only when all torrents are listed.
        let queue = reading.isOfAll ? try reading.queue() : nil
        var table = StatusTable(reading.engine, try reading.recovery(), queue, columns: list.columns)
        if reading.isOfAll { table.limits = try reading.limits()?.sentence }
        table.waiting = try reading.waitingForFolders()
        if reading.isOfAll { table.damaged = try reading.damagedCount() }
        table.damagedTorrents = try reading.damagedTorrents()
        if !list.states.isEmpty {
            table.emptiness = "no torrent is \(list.states.map(\.rawValue).joined(separator: " or "))"
        }
        let showsPieces = pieces
        guard range != nil || !list.isEverything || table.needsRows else {
            let (columns, damagedTorrents) = (list.columns, table.damagedTorrents)
            let parts = try reading.inStripes { (reading) throws(StoreError) in
                var part = StatusTable(reading.engine, nil, columns: columns, expectedRows: reading.expectedTorrents)
                part.damagedTorrents = damagedTorrents
                try reading.forEachLine { (torrent) throws(StoreError) in
                    part.count(torrent)
                    part.add(torrent)
                    if showsPieces { part.add(try reading.have(torrent), of: torrent) }
                }
                return part.part
            }
            for part in parts { table.append(part) }
            return table
        }
        let needsRows = table.needsRows
        var items = try reading.inStripes { (reading) throws(StoreError) in
            var items: [Item] = []
            if needsRows {
                try reading.forEachRow { (torrent) throws(StoreError) in items.append((torrent.line, torrent)) }
            } else {
                try reading.forEachLine { (torrent) throws(StoreError) in items.append((torrent, nil)) }
            }
            return items
        }.flatMap(\.self)
        items = list.chosen(items, reading.engine, .now(), by: range == nil ? nil : .activity) { $0.line }
        for item in items { table.count(item.line) }
        if let limit = list.limit, items.count > limit {
            table.remainder = Self.remainder(items.count - limit)
            items = Array(items.prefix(limit))
        }
        for item in items[range?(&table, items) ?? 0..<items.count] {
            table.add(item.line, item.row)
            if showsPieces { table.add(try reading.have(item.line), of: item.line) }
        }
        return table
    }
}
