import CSQLite
import Glibc
/// The engine's current activity on a torrent, as lists show it.
package enum TorrentState: String, SQLValue, Sendable, CaseIterable {
    case queued, downloading, seeding, checking, complete, paused, offline, error
    /// Only the magnet link is known; the metadata is being fetched, or will be.
    case metadata
    /// What is missing doesn't fit into the free space of the volume: the torrent waits until it does.
    case noSpace = "no_space"
}

extension TorrentState {
    /// The state as people read it.
    package var word: String { self == .noSpace ? "no space" : rawValue }

    /// The state of a torrent that no engine works on.
    package static func atRest(isPaused: Bool, isComplete: Bool) -> TorrentState {
        isPaused ? .paused : isComplete ? .complete : .queued
    }
}

extension TorrentState {
    /// Of all cases in their order, from 0. A list of a hundred thousand counts by it.
    package var number: Int {
        switch self {
        case .queued: 0
        case .downloading: 1
        case .seeding: 2
        case .checking: 3
        case .complete: 4
        case .paused: 5
        case .offline: 6
        case .error: 7
        case .metadata: 8
        case .noSpace: 9
        }
    }
}

extension TorrentState {
    private static let stored = allCases.map { (state: $0, bytes: Array($0.rawValue.utf8)) }

    /// Compares bytes: a list has a hundred thousand states, and to make a `String` of each costs more.
    package static func read(from column: OpaquePointer) -> TorrentState? {
        guard sqlite3_value_type(column) == SQLITE_TEXT, let text = sqlite3_value_text(column)
        else { return nil }
        let count = Int(sqlite3_value_bytes(column))
        return stored.first { $0.bytes.count == count && memcmp($0.bytes, text, count) == 0 }?.state
    }
}
