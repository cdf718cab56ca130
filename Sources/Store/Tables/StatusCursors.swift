/// What other tables say of the torrents in a list, in the order of the torrents.
struct StatusCursors: ~Copyable {
    private struct Folder: Row {
        static let columns = "folder"
        let folder: String

        init(_ row: Statement) throws(StoreError) { folder = try row.next() }
    }

    private struct Note: Row {
        static let columns = "text"
        let text: String

        init(_ row: Statement) throws(StoreError) { text = try row.next() }
    }

    private struct Clock: Row {
        static let columns = "seconds"
        let seconds: Int64

        init(_ row: Statement) throws(StoreError) { seconds = try row.next() }
    }

    /// The value of `seed_clock`.
    let seedClock: Int64?
    /// The folder that was read last: most torrents of a long list lie in the same one.
    var lastOutput = ""
    var live: LiveCursor
    var scrapes: ScrapeCursor
    var webSeeds: WebSeedCursor
    var labels: LabelCursor
    private var destinations: TorrentCursor<Folder>
    private var notes: TorrentCursor<Note>

    init(_ connection: Connection, _ range: ClosedRange<TorrentID>) throws(StoreError) {
        // All are made before any is kept: a half-made value without copies can't be given up.
        let seedClock = try connection.fetchFirstIfValid("FROM seed_clock", as: Clock.self)?.seconds
        let live = try LiveCursor(connection, range)
        let scrapes = try ScrapeCursor(connection, range)
        let webSeeds = try WebSeedCursor(connection, range)
        let labels = try LabelCursor(connection, range)
        let destinations = try TorrentCursor<Folder>(connection, table: "destination", range)
        let notes = try TorrentCursor<Note>(connection, table: "note", range)
        self.seedClock = seedClock
        self.live = live
        self.scrapes = scrapes
        self.webSeeds = webSeeds
        self.labels = labels
        self.destinations = destinations
        self.notes = notes
    }

    mutating func destination(of id: TorrentID) throws(StoreError) -> String? {
        var folder: String?
        try destinations.forEach(of: id) { folder = $0.folder }
        return folder
    }

    mutating func note(of id: TorrentID) throws(StoreError) -> String? {
        var text: String?
        try notes.forEach(of: id) { text = $0.text }
        return text
    }
}
