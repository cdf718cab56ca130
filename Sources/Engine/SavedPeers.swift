import Store
import Swarm
import Torrent

/// The history of a torrent's peers as it was last saved, so that a save writes only what was added since.
struct SavedPeers {
    struct Totals {
        let downloaded: Int64
        let uploaded: Int64
        let hashFailures: Int
        let toldGood: Int
        let toldBad: Int
    }

    /// The last save, for which the next one waits.
    var lastSave: Task<Void, Never>?
    private var totals: [PeerAddress: Totals] = [:]

    init(_ rows: [PeerRow]) {
        for peer in rows {
            totals[peer.address] = Totals(
                downloaded: peer.downloadedBytes, uploaded: peer.uploadedBytes, hashFailures: peer.hashFailures,
                toldGood: peer.toldGood, toldBad: peer.toldBad)
        }
    }

    /// Returns what was added to the histories of these peers since the last call.
    mutating func takeUpdates(_ entries: [AddressBook.Entry]) -> [PeerUpdate] {
        let updates = entries.map { PeerUpdate($0, since: totals[$0.address]) }
        for entry in entries {
            totals[entry.address] = Totals(
                downloaded: entry.downloadedBytes, uploaded: entry.uploadedBytes, hashFailures: entry.hashFailures,
                toldGood: entry.toldGood, toldBad: entry.toldBad)
        }
        return updates
    }
}
