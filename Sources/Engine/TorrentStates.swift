import Store
import Swarm
package import Torrent

/// What a session knows of its torrents: each has one state, and a few facts.
///
/// A dormant torrent of which nothing is known has no entry, so that an archive of idle torrents costs no memory (law 5
/// of the design).
package struct TorrentStates {
    package enum State: Equatable, Sendable {
        /// Only a row.
        case dormant
        /// The torrent is being loaded. With a departure, it isn't needed any more.
        case activating(then: Departure?)
        /// `idleSince` is when the torrent last had something to do, if it has nothing to do.
        case active(idleSince: Instant?)
        case deactivating(Departure, isWantedAgain: Bool)
        /// The torrent can't be activated until the user changes something or, after a disk error, until the retry.
        case troubled(retryAt: Instant?)
        /// The torrent is about to be retried; its row is being read.
        case retrying

        /// Whether the torrent is loaded, or is being loaded.
        var isRunning: Bool {
            switch self {
            case .activating, .active, .deactivating: true
            case .dormant, .troubled, .retrying: false
            }
        }
    }

    struct Facts: Equatable, Sendable {
        /// Whether the torrent was active in this run.
        var hasBegun = false
        /// Whether the torrent reached its seed goal in this run.
        var isRetired = false
        /// Whether all pieces are to be rechecked when the torrent is active.
        var mustVerify = false
        /// The torrent's folder is on another volume without its files, and isn't searched again before this time.
        var soughtUntil: Instant?
    }

    private struct Entry {
        var state = State.dormant
        var facts = Facts()

        var isBlank: Bool { state == .dormant && facts == Facts() }
        var isTroubled: Bool { if case .troubled = state { true } else { false } }
        var retries: Bool { if case .troubled(.some) = state { true } else { false } }
        var isActivating: Bool { if case .activating = state { true } else { false } }
    }

    private var entries: [TorrentID: Entry] = [:]
    /// Indexes of the entries.
    private(set) var running: Set<TorrentID> = []
    private(set) var activating: Set<TorrentID> = []
    private(set) var waitingForRetry: Set<TorrentID> = []
    /// Torrents that aren't announced: they are troubled, or have seeded enough.
    private(set) var leftAlone: Set<TorrentID> = []

    subscript(_ id: TorrentID) -> State { entries[id]?.state ?? .dormant }

    func facts(_ id: TorrentID) -> Facts { entries[id]?.facts ?? Facts() }

    func isTroubled(_ id: TorrentID) -> Bool { entries[id]?.isTroubled ?? false }

    /// The torrents of which something is known.
    var known: [TorrentID] { Array(entries.keys) }

    mutating func move(_ id: TorrentID, to state: State) { change(id) { $0.state = state } }

    mutating func note(_ id: TorrentID, _ body: (inout Facts) -> Void) { change(id) { body(&$0.facts) } }

    /// Forgets the torrent, because it was removed.
    mutating func remove(_ id: TorrentID) { change(id) { $0 = Entry() } }

    private mutating func change(_ id: TorrentID, _ body: (inout Entry) -> Void) {
        var entry = entries[id] ?? Entry()
        body(&entry)
        entries[id] = entry.isBlank ? nil : entry
        running.set(id, entry.state.isRunning)
        activating.set(id, entry.isActivating)
        waitingForRetry.set(id, entry.retries)
        leftAlone.set(id, entry.isTroubled || entry.facts.isRetired)
    }
}

extension Set {
    fileprivate mutating func set(_ element: Element, _ isMember: Bool) {
        if isMember { insert(element) } else { remove(element) }
    }
}
