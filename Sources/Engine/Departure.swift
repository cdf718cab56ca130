/// Why a torrent is deactivated.
package enum Departure: Equatable, Sendable {
    /// It has had nothing to do for a while.
    case idle
    /// Others wait for its slot. Trackers keep listing the torrent: a peer that asks for it may get its slot back.
    case yields
    /// It is activated again with what changed.
    case reloads
    /// Its disk is away, and nothing else is to be found out.
    case diskIsAway
    case paused, removed
    /// Another process found damage.
    case damaged
    /// Its metadata has arrived and can't be used.
    case unusable
    /// It has seeded enough.
    case retired
    /// The session ends.
    case stopped

    /// Whether trackers receive `stopped`.
    var saysGoodbye: Bool {
        switch self {
        case .idle, .yields, .reloads, .diskIsAway: false
        case .paused, .removed, .damaged, .unusable, .retired, .stopped: true
        }
    }

    /// Whether the torrent may be wanted again before it is deactivated.
    var isRevocable: Bool { !saysGoodbye }

    /// Whether a torrent that was still being loaded returns to the line.
    var comesBack: Bool {
        switch self {
        case .yields, .reloads, .damaged: true
        case .idle, .diskIsAway, .paused, .removed, .unusable, .retired, .stopped: false
        }
    }
}
