import Disk
import Engine
package import Store
import System
import SystemPackage
package import Torrent
import Verification

/// Adds torrents to the database, and applies the options to torrents that are already there.
package struct AddRequest {
    /// The result for one torrent.
    package struct Entry {
        package let id: TorrentID
        package let name: String
        package let isNew: Bool
        /// What happened to the trackers of the .torrent, if its torrent was already in the database.
        package var trackers: TrackerNews?
        /// Whether the metadata still has to be fetched.
        package var isMagnet = false
    }

    /// The number of torrents from which a transaction changes more pages than SQLite's default cache holds.
    private static let many = 100

    /// Whether a torrent that is already known and paused is resumed.
    package var unpausesKnown = false
    package var isPaused = false
    package var seedGoal: SeedGoal?
    private let connection: Connection
    private let options: AddOptions

    package init(_ library: Library, _ options: AddOptions) {
        connection = library.connection
        self.options = options
    }

    /// Adds all torrents in one transaction, so that even five hundred torrents wait for the disk only once. A torrent
    /// whose files conflict with those of another torrent is skipped, and `refused` receives the reason.
    package func add(_ torrents: [Metainfo], refused: (String) -> Void) async throws -> [Entry] {
        let (entries, reselected) = try put(torrents, refused: refused)
        for (row, selection) in reselected {
            try await SelectionChange(connection: connection).apply(selection, to: try StoredTorrent(row, connection))
            try connection.intents.append(.changed, torrent: row.id, now: .now())
        }
        return entries
    }

    /// Adds the torrents, but doesn't change the file selection of torrents that were already there. The caller applies
    /// the returned selections afterwards; there are none if no files were named.
    package func put(_ torrents: [Metainfo], refused: (String) -> Void) throws -> (
        entries: [Entry], reselected: [(TorrentRow, FileSelection)]
    ) {
        let output = try NewFile.absolute(options.output ?? options.standardOutput ?? ".").text
        // Everything that can be rejected is rejected before anything is written.
        let known = try torrents.map { try connection.torrents.row($0.infoHash) }
        for case let row? in known { try check(row, output) }
        let selections = try torrents.map { try selection(for: $0) }
        if torrents.count >= Self.many { try connection.expectLargeTransaction() }
        let (entries, refusals) = try connection.transaction { () throws(StoreError) in
            let conflicts = try PathConflicts(connection, output: output)
            var incomplete: (folder: String, conflicts: PathConflicts)?
            if let folder = incompleteFolder(besides: output) {
                incomplete = (folder, try PathConflicts(connection, output: folder))
            }
            var entries: [Entry] = []
            var refusals: [String] = []
            for (metainfo, selection) in zip(torrents, selections) {
                let row = try connection.torrents.row(metainfo.infoHash)
                // What is there already is used where it is.
                let first = Self.exists(metainfo, in: output) ? nil : incomplete
                var refusal = row == nil ? try conflicts.refusal(of: metainfo, wanted: selection?.wanted) : nil
                if row == nil, refusal == nil, let first {
                    refusal = try first.conflicts.refusal(of: metainfo, wanted: selection?.wanted)
                }
                if let refusal {
                    refusals.append(refusal)
                } else if let row, !row.hasMetadata, let refusal = try bringMetadata(metainfo, to: row) {
                    refusals.append(refusal)
                } else if row == nil, let (folder, conflicts) = first {
                    let entry = try insert(metainfo, row, selection, folder, conflicts)
                    try connection.destinations.set(
                        entry.id, folder: output, mountPath: Self.mountPath(holding: output))
                    entries.append(entry)
                } else {
                    entries.append(try insert(metainfo, row, selection, output, conflicts))
                }
            }
            return (entries, refusals)
        }
        for reason in refusals { refused(reason) }
        var reselected: [(TorrentRow, FileSelection)] = []
        for case (let row?, let selection?) in zip(known, selections) where row.hasMetadata {
            reselected.append((row, selection))
        }
        return (entries, reselected)
    }

    private func incompleteFolder(besides output: String) -> String? {
        options.incompleteFolder.flatMap { PathText.isSame($0, output) ? nil : $0 }
    }

    private static func exists(_ metainfo: Metainfo, in folder: String) -> Bool {
        PathCalls.exists(FilePath(text: NewTorrent.root(named: metainfo.name, in: folder)))
    }

    /// Where the file system of the folder is mounted, or of the nearest one that exists.
    static func mountPath(holding folder: String) -> String? {
        var path = FilePath(text: folder)
        while true {
            if let volume = Volume.holding(path) { return volume.mountPath }
            guard path.removeLastComponent() else { return nil }
        }
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
        var settings = TorrentSettings()
        apply(to: &settings, isNew: true)
        settings.isPaused = isPaused
        let wanted = selection.map { zip($0.wanted, metainfo.layout.files).map { $0 || $1.isPad } }
        var new = NewTorrent(
            metainfo: metainfo, output: output, resolvedOutput: conflicts.resolvedOutput, settings: settings,
            wanted: wanted)
        new.mayOverwrite = options.mayOverwrite
        let id = try connection.torrents.insert(new, now: .now())
        try connection.intents.append(.added, torrent: id, now: .now())
        return Entry(id: id, name: metainfo.name, isNew: true)
    }

    /// Gives a torrent what its magnet link lacks. Returns why it can't be downloaded if another torrent has its paths.
    private func bringMetadata(_ metainfo: Metainfo, to row: TorrentRow) throws(StoreError) -> String? {
        if !options.patterns.isEmpty { try connection.magnets.setPatterns(row.id, options.patterns) }
        if unpausesKnown { try connection.magnets.setPausesAfter(row.id, false) }
        let arrival = try connection.metadataArrived(row.id, metainfo, now: .now())
        try connection.intents.append(.changed, torrent: row.id, now: .now())
        return arrival?.conflict.map { "\(metainfo.name.printable): \($0)" }
    }

    /// Adds torrents by their magnet links, in one transaction. The trackers of a link whose torrent is already there
    /// are added to it.
    package func add(magnets: [MagnetLink]) async throws -> [Entry] {
        let (entries, reselected) = try put(magnets: magnets)
        for row in reselected {
            let torrent = try StoredTorrent(row, connection)
            let selection = try torrent.metainfo.selection(options.patterns)
            try await SelectionChange(connection: connection).apply(selection, to: torrent)
            try connection.intents.append(.changed, torrent: row.id, now: .now())
        }
        return entries
    }

    /// The same without a change of the file selection of torrents whose files are known, which are returned.
    package func put(magnets: [MagnetLink]) throws -> (entries: [Entry], reselected: [TorrentRow]) {
        guard !magnets.isEmpty else { return ([], []) }
        let output = try NewFile.absolute(options.output ?? options.standardOutput ?? ".").text
        let known = try magnets.map { try connection.torrents.row($0.infoHash) }
        for case let row? in known { try check(row, output) }
        let entries = try connection.transaction { () throws(StoreError) in
            let first = incompleteFolder(besides: output)
            let resolved = try PathConflicts(connection, output: first ?? output).resolvedOutput
            var entries: [Entry] = []
            for link in magnets {
                let entry = try insert(link, first ?? output, resolved)
                if first != nil, entry.isNew {
                    try connection.destinations.set(
                        entry.id, folder: output, mountPath: Self.mountPath(holding: output))
                }
                entries.append(entry)
            }
            return entries
        }
        guard !options.patterns.isEmpty else { return (entries, []) }
        return (entries, known.compactMap(\.self).filter(\.hasMetadata))
    }

    private func insert(_ link: MagnetLink, _ output: String, _ resolved: String?) throws(StoreError) -> Entry {
        guard let row = try connection.torrents.row(link.infoHash) else {
            var settings = TorrentSettings()
            apply(to: &settings, isNew: true)
            var new = NewMagnet(link: link, output: output, resolvedOutput: resolved, settings: settings)
            new.mayOverwrite = options.mayOverwrite
            new.patterns = options.patterns.isEmpty ? nil : options.patterns
            new.pausesAfter = isPaused
            let id = try connection.magnets.insert(new, now: .now())
            try connection.intents.append(.added, torrent: id, now: .now())
            return Entry(id: id, name: new.name, isNew: true, isMagnet: true)
        }
        try update(row)
        if !row.hasMetadata {
            if !options.patterns.isEmpty { try connection.magnets.setPatterns(row.id, options.patterns) }
            if unpausesKnown { try connection.magnets.setPausesAfter(row.id, false) }
            try connection.magnets.merge(link, into: row.id, now: .now())
        } else if !row.isPrivate {
            let known = Set(try connection.webSeeds.rows(of: row.id).map(\.url))
            let news = link.webSeeds.filter { !known.contains($0) }
            if !news.isEmpty {
                try connection.webSeeds.add(torrent: row.id, urls: news)
                try connection.intents.append(.webSeeds, torrent: row.id, now: .now())
            }
        }
        return Entry(
            id: row.id, name: row.name, isNew: false,
            trackers: try TrackerNews(
                adding: link.trackers.map { [$0] }, isPrivate: row.isPrivate, to: row, connection),
            isMagnet: !row.hasMetadata)
    }

    /// Applies the given options, and no others, to a known torrent.
    private func update(_ row: TorrentRow) throws(StoreError) {
        var settings = row.settings
        apply(to: &settings, isNew: false)
        var isChanged = settings != row.settings
        // What is added again isn't removed any more.
        try connection.intents.endRemoval(of: row.id)
        try connection.torrents.setSettings(row.id, from: row.settings, to: settings)
        if options.mayOverwrite {
            try connection.torrents.setOverwrite(row.id, true)
            isChanged = true
        }
        if unpausesKnown, row.settings.isPaused, try !connection.moves.setPausedAfterwards(row.id, false) {
            try connection.torrents.setPaused(row.id, false)
            if let row = try connection.torrents.row(row.id) {
                try connection.torrents.rest(row)
            }
            try connection.events.append(.resumed, "resumed by a download", torrent: row.id, now: .now())
            isChanged = true
        }
        if isChanged { try connection.intents.append(.changed, torrent: row.id, now: .now()) }
    }

    private func apply(to settings: inout TorrentSettings, isNew: Bool) {
        options.apply(to: &settings, isNew: isNew)
        if let seedGoal { settings.seedGoal = seedGoal }
    }

    private func check(_ row: TorrentRow, _ output: String) throws {
        guard options.output != nil, !PathText.isSame(row.output, output),
            try connection.destinations.row(row.id).map({ !PathText.isSame($0.folder, output) }) ?? true
        else { return }
        throw Failure.usage(
            "\(row.name.printable) is already in the database, as torrent \(row.id) in \(row.output.printable): omit --output, or move it with `pieces move \(row.id) \(output.printable)`"
        )
    }

    /// The wanted files; `nil` if no files were named.
    private func selection(for metainfo: Metainfo) throws -> FileSelection? {
        options.patterns.isEmpty ? nil : try metainfo.selection(options.patterns)
    }
}
