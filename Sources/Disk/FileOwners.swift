import Synchronization
package import Torrent

/// Which file entry of which torrent may write to a file: at most one, whichever paths and links lead to the file.
///
/// It holds the files of active torrents. The files of dormant torrents are in the database.
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

    /// Makes the entry the file's owner unless the file already has one. Returns the owner.
    func take(_ identity: FileIdentity, for owner: Owner) -> Owner {
        state.withLock { state in
            if let known = state.owners[identity] { return known }
            state.owners[identity] = owner
            state.files[owner.torrent, default: []].insert(identity)
            return owner
        }
    }

    func owner(of identity: FileIdentity) -> Owner? { state.withLock { $0.owners[identity] } }

    /// Releases the torrent's files, because an inode that is reused later is another file.
    func releaseAll(of torrent: InfoHash) {
        state.withLock { state in
            for identity in state.files.removeValue(forKey: torrent) ?? [] { state.owners[identity] = nil }
        }
    }
}

/// The other torrent and entry that already own a file.
package struct ForeignOwner: Hashable, Sendable {
    package let torrent: InfoHash
    package let file: PayloadFile

    package init(torrent: InfoHash, file: PayloadFile) {
        self.torrent = torrent
        self.file = file
    }
}

extension Disk {
    /// Allows the torrent to write to these existing files. Returns those that another file entry owns, which the
    /// torrent may not write to.
    ///
    /// A file that the torrent creates is its own without this call. A write to any other existing file fails with
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

    /// The files that were created or opened for writing since the torrent was last released.
    package func writtenFiles(of torrent: InfoHash) -> Set<PayloadFile> { ledger(of: torrent).writtenFiles }

    /// The active torrent, if any, that may write to the file.
    package func owner(of identity: FileIdentity) -> ForeignOwner? {
        owners.owner(of: identity).map { ForeignOwner(torrent: $0.torrent, file: $0.file) }
    }
}
