import Disk
import Logging
import Store
import Swarm
import Torrent

/// Payload that is only read: what is there is checked and served, and nothing is requested.
extension TorrentEngine {
    /// Applies the protection. Unverified pieces are checked first; what is missing then stays missing.
    func considerProtection(now: Instant) {
        swarm.hold()
        guard swarm.unverified.isEmpty, !swarm.isComplete else { return }
        swarm.stalled(Fault(.readOnly, protectionText), now: now)
    }

    private var protectionText: String {
        let missing = metainfo.geometry.pieceCount - swarm.have.population
        let pieces = "\(missing == 1 ? "1 piece is" : "\(missing) pieces are") missing: pieces serves what is there"
        return switch payload.protection {
        case .byStorage:
            "\(row.output) is on a file system that is mounted read-only, and \(pieces); mount it writable to download the rest"
        case .byUser, nil:
            "the torrent is read-only, and \(pieces); `pieces limit \(id) --read-only off` lets it download the rest"
        }
    }

    /// Reloads the torrent if its file system is writable again. Returns the fault, which a reload ends.
    func lookAtProtection() async -> Fault? {
        guard let fault = swarm.fault else { return nil }
        if payload.protection == .byStorage {
            do {
                let loaded = try await TorrentLoader(environment: environment, id: id, wasActive: true).load()
                if loaded.payload.protection == nil { notify(.ownershipChanged(id)) }
            } catch {
                log.debug("could not look whether the payload can be written: \(error)")
            }
        }
        return fault
    }
}
