import Store
import SystemPackage
import Torrent
import Verification

/// Puts torrents into the database, or gives those that are there what the options say.
package struct AddRequest {
    /// A torrent that was to be added.
    package struct Entry {
        package let id: TorrentID
        package let name: String
        package let isNew: Bool
        /// What became of the trackers of a .torrent whose torrent was there.
        package var trackers: TrackerNews?
    }

    /// From so many torrents on a command changes more pages of the database than SQLite keeps in memory by itself.
    private static let many = 100

    /// Whether a torrent that is known already goes on.
    package var unpausesKnown = false
    package var isPaused = false
    package var seedGoal: SeedGoal?
    private let connection: Connection
    private let options: AddOptions

    package init(_ library: Library, _ options: AddOptions) {
        connection = library.connection
        self.options = options
    }

    /// One transaction for all of them: five hundred torrents wait for the disk once. Torrents that want other content
    /// at the path of another torrent's file are left out, and `refused` is told why.
    package func add(_ torrents: [Metainfo], refused: (String) -> Void) async throws -> [Entry] {
        let (entries, reselected) = try put(torrents, refused: refused)
        for (row, selection) in reselected {
            try await SelectionChange(connection: connection).apply(selection, to: try StoredTorrent(row, connection))
            try connection.appendIntent(.changed, torrent: row.id, now: .now())
        }
        return entries
    }

    /// The same, but for the files that are wanted of torrents that were there: these are to be changed after it, and
    /// there are none where no files were named.
    package func put(_ torrents: [Metainfo], refused: (String) -> Void) throws -> (
        entries: [Entry], reselected: [(TorrentRow, FileSelection)]
    ) {
        let output = try NewFile.absolute(options.output ?? ".").text
        // What can be refused is refused before anything is written.
        let known = try torrents.map { try connection.torrent($0.infoHash) }
        for case let row? in known { try check(row, output) }
        let selections = try torrents.map { try selection(for: $0) }
        if torrents.count >= Self.many { try connection.expectLargeTransaction() }
        let (entries, refusals) = try connection.transaction { () throws(StoreError) in
            let conflicts = try PathConflicts(connection, output: output)
            var entries: [Entry] = []
            var refusals: [String] = []
            for (metainfo, selection) in zip(torrents, selections) {
                let row = try connection.torrent(metainfo.infoHash)
                if row == nil, let reason = try conflicts.refusal(of: metainfo, wanted: selection?.wanted) {
                    refusals.append(reason)
                } else {
                    entries.append(try insert(metainfo, row, selection, output, conflicts))
                }
            }
            return (entries, refusals)
        }
        for reason in refusals { refused(reason) }
        var reselected: [(TorrentRow, FileSelection)] = []
        for case (let row?, let selection?) in zip(known, selections) { reselected.append((row, selection)) }
        return (entries, reselected)
    }

    private func insert(
        _ metainfo: Metainfo, _ row: TorrentRow?, _ selection: FileSelection?, _ output: String,
        _ conflicts: PathConflicts
    ) throws(StoreError) -> Entry {
        if let row {
            try update(row)
            return Entry(
                id: row.id, name: row.name, isNew: false,
                trackers: try TrackerNews(adding: metainfo, to: row, connection))
        }
        var settings = options.newSettings
        settings.isPaused = isPaused
        settings.seedGoal = seedGoal ?? .standard
        let wanted = selection.map { zip($0.wanted, metainfo.layout.files).map { $0 || $1.isPad } }
        var new = NewTorrent(
            metainfo: metainfo, output: output, resolvedOutput: conflicts.resolvedOutput, settings: settings,
            wanted: wanted)
        new.mayOverwrite = options.mayOverwrite
        let id = try connection.insertTorrent(new, now: .now())
        try connection.appendIntent(.added, torrent: id, now: .now())
        return Entry(id: id, name: metainfo.name, isNew: true)
    }

    /// A known torrent gets the options that were given, and no others.
    private func update(_ row: TorrentRow) throws(StoreError) {
        var isChanged = false
        let limits = options.limits.applied(to: row.settings.limits)
        if limits != row.settings.limits {
            try connection.setLimits(row.id, limits)
            isChanged = true
        }
        if options.isSequential, !row.settings.isSequential {
            try connection.setSequential(row.id, true)
            isChanged = true
        }
        if let seedGoal, seedGoal != row.settings.seedGoal {
            try connection.setSeedGoal(row.id, seedGoal)
            isChanged = true
        }
        if options.mayOverwrite {
            try connection.setOverwrite(row.id, true)
            isChanged = true
        }
        if unpausesKnown, row.settings.isPaused {
            try connection.setPaused(row.id, false)
            if let row = try connection.torrent(row.id) { try connection.setState(row.id, row.stateAtRest) }
            try connection.appendEvent(.resumed, "resumed by a download", torrent: row.id, now: .now())
            isChanged = true
        }
        if isChanged { try connection.appendIntent(.changed, torrent: row.id, now: .now()) }
    }

    private func check(_ row: TorrentRow, _ output: String) throws {
        guard options.output != nil, !PathText.isSame(row.output, output) else { return }
        throw Failure.usage(
            "\(row.name.printable) is already in the database, as torrent \(row.id) in \(row.output.printable): omit --output, or `pieces remove` it first"
        )
    }

    /// `nil` when no files were named.
    private func selection(for metainfo: Metainfo) throws -> FileSelection? {
        options.patterns.isEmpty ? nil : try metainfo.selection(options.patterns)
    }
}
