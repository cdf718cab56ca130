import Engine
package import Store
import Torrent
import Verification

/// Changes torrents for a user; a running engine applies the changes.
extension Library {
    /// Pauses torrents until they are resumed, and returns them. Of all torrents, only those are returned that were not
    /// paused before.
    package func pause(_ choice: TorrentChoice) throws(StoreError) -> [TorrentRow] { try setPaused(true, choice) }

    /// Resumes paused torrents and retries failed ones. Of all torrents, only these are returned.
    package func resume(_ choice: TorrentChoice) throws(StoreError) -> [TorrentRow] { try setPaused(false, choice) }

    private func setPaused(_ isPaused: Bool, _ choice: TorrentChoice) throws(StoreError) -> [TorrentRow] {
        var torrents = try connection.findTorrents(choice)
        if case .all = choice {
            torrents.removeAll { isPaused ? $0.settings.isPaused : !$0.settings.isPaused && !$0.isFaulty }
        }
        let engine = try engine()
        try connection.transaction { () throws(StoreError) in
            for torrent in torrents where try !connection.moves.setPausedAfterwards(torrent.id, isPaused) {
                try connection.torrents.setPaused(torrent.id, isPaused)
                if !torrent.hasMetadata, !isPaused { try connection.magnets.setPausesAfter(torrent.id, false) }
                // A running engine sets the new state itself.
                if !engine.isRunning, let row = try connection.torrents.row(torrent.id) {
                    // A complete torrent that can't be reached stays offline until an engine checks again.
                    if row.isComplete {
                        try connection.torrents.settleAtRest(row.id)
                    } else {
                        try connection.torrents.rest(row)
                    }
                }
                try connection.events.append(
                    isPaused ? .paused : .resumed, "by the user", torrent: torrent.id, now: .now())
                try connection.intents.append(.changed, torrent: torrent.id, now: .now())
            }
        }
        return torrents
    }

    /// Applies the given limits, seeding goal and way of seeding, and returns the resulting rows.
    package func limit(
        _ choice: TorrentChoice, _ change: LimitChange, seedGoal goal: SeedGoal? = nil, superSeeds: Bool? = nil,
        isReadOnly: Bool? = nil
    ) throws(StoreError) -> [TorrentRow] {
        let torrents = try connection.findTorrents(choice)
        if !change.isEmpty || goal != nil || superSeeds != nil || isReadOnly != nil {
            try connection.transaction { () throws(StoreError) in
                for torrent in torrents {
                    try connection.torrents.setLimits(torrent.id, change.applied(to: torrent.settings.limits))
                    if let goal { try connection.torrents.setSeedGoal(torrent.id, goal) }
                    if let isReadOnly { try connection.torrents.setReadOnly(torrent.id, isReadOnly) }
                    if let superSeeds { try connection.torrents.setSuperSeeding(torrent.id, superSeeds) }
                    try connection.intents.append(.changed, torrent: torrent.id, now: .now())
                }
            }
        }
        var rows: [TorrentRow] = []
        for torrent in torrents { if let row = try connection.torrents.row(torrent.id) { rows.append(row) } }
        return rows
    }

    /// The user's choice of files in a torrent.
    package enum FileChoice: Sendable {
        case all
        /// Globs, numbers, or ranges of numbers.
        case patterns([String])
    }

    /// The result of choosing files.
    package struct Selected: Sendable {
        package let torrent: TorrentRow
        /// `nil` if the choice applies when the metadata has arrived.
        package let wantedFiles: Int?
    }

    /// Selects the wanted files of a torrent.
    package func select(_ choice: FileChoice, of name: String) async throws -> Selected {
        let found = try connection.torrents.find(name)
        guard found.hasMetadata else {
            // With no pattern at all, the choice of the link doesn't apply either.
            let patterns = if case .patterns(let patterns) = choice { patterns } else { [String]() }
            try connection.magnets.setPatterns(found.id, patterns)
            return Selected(torrent: found, wantedFiles: nil)
        }
        let torrent = try StoredTorrent(found, connection)
        try requireNoMove(of: torrent.row)
        let selection = try selection(choice, of: torrent.metainfo)
        try await SelectionChange(connection: connection).apply(selection, to: torrent)
        let engine = try engine()
        guard let row = try connection.torrents.row(torrent.row.id) else {
            throw Failure("torrent \(torrent.row.id) was removed in the meantime")
        }
        if !engine.isRunning, !row.settings.isPaused { try connection.torrents.settleAtRest(row.id) }
        try connection.intents.append(.changed, torrent: row.id, now: .now())
        return Selected(torrent: row, wantedFiles: selection.wanted.count { $0 })
    }

    /// Throws if the torrent's payload is being moved, so that its files and its record belong to that command.
    func requireNoMove(of torrent: TorrentRow) throws {
        guard let move = try connection.moves.row(torrent.id), move.isHeld else { return }
        throw Failure("\(torrent.name.printable): \(move.sentence.printable)")
    }

    private func selection(_ choice: FileChoice, of metainfo: Metainfo) throws -> FileSelection {
        switch choice {
        case .all: FileSelection(all: metainfo.layout)
        case .patterns(let patterns): try metainfo.selection(patterns)
        }
    }
}

extension Metainfo {
    /// The files that match the patterns.
    func selection(_ patterns: [String]) throws(Failure) -> FileSelection {
        do throws(SelectionError) {
            return try FileSelection(layout: layout, patterns: patterns)
        } catch {
            throw Failure.usage("\(name.printable): \("\(error)".printable)")
        }
    }
}
