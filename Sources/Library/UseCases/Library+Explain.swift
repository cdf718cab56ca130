import Disk
package import Store
import Torrent
import Verification

/// Explains why a torrent isn't downloading.
extension Library {
    package struct Explained: Sendable {
        package let torrent: TorrentRow
        package let state: TorrentState
        /// The state as people read it.
        package let word: String
        /// The causes, most likely first.
        package let causes: [Explanation.Cause]
    }

    /// The maximum time to wait for a folder; a folder on an unreachable server never responds.
    private static let patience = Duration.seconds(5)

    /// Explains the torrent from the database. `place` is the current state of the payload, if it was checked.
    package func explain(_ name: String, in place: Explanation.Place? = nil) throws(StoreError) -> Explained {
        let torrent = try connection.torrents.find(name)
        let engine = try engine()
        var facts = try Explanation.Facts(torrent, engine, connection, now: .now())
        facts.place = place
        let state = if case .offline = place { TorrentState.offline } else { engine.state(of: torrent) }
        return Explained(
            torrent: torrent, state: state,
            word: engine.word(for: state, isDamaged: !torrent.isComplete && !facts.damage.isEmpty),
            causes: Explanation(facts).causes)
    }

    /// Checks the current state of the payload; `nil` for a torrent that hasn't started, or whose records can't be
    /// read.
    package func place(of name: String) async throws -> Explanation.Place? {
        let torrent = try connection.torrents.find(name)
        guard torrent.isRootSeen else { return nil }
        let known: StoredTorrent
        let disk: Disk
        do {
            known = try StoredTorrent(torrent, connection)
            disk = try Disk()
        } catch {
            return nil
        }
        return await Patience.answer(within: Self.patience, or: Explanation.Place.silent) {
            let look = await known.look(disk)
            return look.reach.isOffline
                ? .offline(reason: look.reason ?? "", allowsRelocation: look.allowsRelocation) : .reachable
        }
    }
}
