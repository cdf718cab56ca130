package import Store
import Torrent

/// The order in which torrents get slots.
extension Library {
    /// Where to a torrent moves in the queue.
    package enum QueueMove: String, CaseIterable, Sendable {
        case top, up, down, bottom
    }

    /// A torrent in the queue.
    package struct QueueEntry: Sendable, Equatable {
        package let torrent: QueuedRow
        /// From 1, in the order in which torrents get slots.
        package let place: Int
        package let state: TorrentState
        /// The state as people read it.
        package let word: String
        /// Whether the torrent has a slot.
        package let isActive: Bool
        /// Why the torrent doesn't download; `nil` if it does.
        package let reason: String?
    }

    /// Returns the torrents that have something to download, first those that come first; with labels, those that
    /// have every one of them, with their places among all.
    package func queue(labels: [String] = []) throws(StoreError) -> [QueueEntry] {
        let engine = try engine()
        let slots = try QueueState(engine, connection)
        var chosen: Set<TorrentID>?
        if !labels.isEmpty {
            chosen = Set(try connection.findTorrents(TorrentChoice([], labels: labels)).map(\.id))
        }
        return try connection.queue.line().enumerated().compactMap { index, row in
            guard chosen?.contains(row.id) ?? true else { return nil }
            let state = engine.state(of: row)
            let isFetching = state == .metadata && engine.isRunning && row.isReported
            let isActive = state == .downloading || state == .checking || isFetching
            return QueueEntry(
                torrent: row, place: index + 1, state: state, word: engine.word(for: state), isActive: isActive,
                reason: isActive ? nil : Self.reason(row, state, engine, slots))
        }
    }

    private static func reason(_ row: QueuedRow, _ state: TorrentState, _ engine: EngineState, _ slots: QueueState?)
        -> String
    {
        if state == .error || state == .offline || state == .noSpace { return row.error ?? state.rawValue }
        guard engine.isRunning else { return "waiting for an engine: start `pieces run`" }
        guard let report = slots?.report, report.downloads.waiting + report.checks.waiting > 0 else {
            return "starting"
        }
        if report.isOfNamedOnly { return "the engine works on other torrents" }
        let slot = QueueState.oneOf(report.downloads, .download)
        return row.hasYielded ? "made no progress; waiting for \(slot) again" : "waiting for \(slot)"
    }

    /// Moves torrents in the queue; a running engine applies the order to the next slots. Returns the torrents that
    /// aren't in the queue, because they are complete or paused, and so were not moved.
    package func moveInQueue(_ choice: TorrentChoice, _ move: QueueMove) throws(StoreError) -> [TorrentRow] {
        let torrents = try connection.findTorrents(choice)
        return try connection.transaction { () throws(StoreError) in
            let line = try connection.queue.line().map(\.id)
            let all = Set(line)
            let moved = torrents.map(\.id).filter(all.contains)
            if !moved.isEmpty {
                try connection.queue.setOrder(Self.order(line, moving: moved, move))
                try connection.intents.append(.order, now: .now())
            }
            return torrents.filter { !all.contains($0.id) }
        }
    }

    /// Returns the line after the move of some of its torrents. Those that move to an end keep the order in which they
    /// are given; the others keep the order of the line.
    package static func order(_ line: [TorrentID], moving moved: [TorrentID], _ move: QueueMove) -> [TorrentID] {
        let isMoved = Set(moved)
        let rest = line.filter { !isMoved.contains($0) }
        switch move {
        case .top: return moved + rest
        case .bottom: return rest + moved
        case .up: return raised(line, isMoved)
        case .down: return raised(line.reversed(), isMoved).reversed()
        }
    }

    /// Each moved torrent changes places with the one before it, unless that one moves, too.
    private static func raised(_ line: [TorrentID], _ moved: Set<TorrentID>) -> [TorrentID] {
        var line = line
        for index in line.indices.dropFirst() where moved.contains(line[index]) && !moved.contains(line[index - 1]) {
            line.swapAt(index, index - 1)
        }
        return line
    }
}

extension EngineState {
    fileprivate func state(of row: QueuedRow) -> TorrentState {
        isRunning || ![.downloading, .checking].contains(row.state) ? row.state : .queued
    }
}
