import Synchronization
import Torrent

/// Which file entry of which torrent may write to a file: one at most, whatever the paths and links are that lead to
/// it.
///
/// It holds the files of active torrents. What dormant torrents own is in the database.
final class FileOwners: Sendable {
    /// A file entry of a torrent.
    struct Owner: Hashable, Sendable {
        let torrent: InfoHash
        let file: PayloadFile
    }

    private struct State {
        var owners: [FileIdentity: Owner] = [:]
        var files: [InfoHash: Set<FileIdentity>] = [:]
    }

    private let state = Mutex(State())

    /// Makes the entry the file's owner, unless it has another; answers who owns it then.
    func take(_ identity: FileIdentity, for owner: Owner) -> Owner {
        state.withLock { state in
            if let known = state.owners[identity] { return known }
            state.owners[identity] = owner
            state.files[owner.torrent, default: []].insert(identity)
            return owner
        }
    }

    func owner(of identity: FileIdentity) -> Owner? { state.withLock { $0.owners[identity] } }

    /// The torrent has its files no more. An inode that is used again is another file.
    func releaseAll(of torrent: InfoHash) {
        state.withLock { state in
            for identity in state.files.removeValue(forKey: torrent) ?? [] { state.owners[identity] = nil }
        }
    }
}

/// A file of a torrent that somebody else already owns.
package struct ForeignOwner: Hashable, Sendable {
    package let torrent: InfoHash
    package let file: PayloadFile
}

extension Disk {
    /// Lets the torrent write to these files, which are there already. Answers those that another file entry owns,
    /// which may not be written to.
    ///
    /// A file that the torrent creates is its own without this; every other one is refused with
    /// ``DiskError/Code/notOurs``.
    package func admit(_ files: [PayloadFile: FileIdentity], of torrent: InfoHash) -> [PayloadFile: ForeignOwner] {
        let ledger = ledger(of: torrent)
        var refused: [PayloadFile: ForeignOwner] = [:]
        for (file, identity) in files {
            let own = FileOwners.Owner(torrent: torrent, file: file)
            let owner = owners.take(identity, for: own)
            if owner == own {
                ledger.admit(file, identity)
            } else {
                refused[file] = ForeignOwner(torrent: owner.torrent, file: owner.file)
            }
        }
        return refused
    }

    /// The files that were opened for writing since the torrent was last released.
    package func writtenFiles(of torrent: InfoHash) -> Set<PayloadFile> { ledger(of: torrent).writtenFiles }

    /// Who may write to the file, among the torrents that are active.
    package func owner(of identity: FileIdentity) -> ForeignOwner? {
        owners.owner(of: identity).map { ForeignOwner(torrent: $0.torrent, file: $0.file) }
    }
}
