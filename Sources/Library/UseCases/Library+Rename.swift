import Disk
import Store
import Torrent
package import Verification

/// Gives files of a torrent other names, on the disk and in the database; the metainfo stays as it is. Works with and
/// without a running engine. A renaming that was killed can be continued or undone, like a move.
extension Library {
    /// Renames a file or folder of a torrent, or its root if `file` is `nil`.
    package func rename(
        _ name: String, file: String?, to newName: String, stop: VerificationStop = VerificationStop(),
        report: @escaping @Sendable (MoveStep) -> Void
    ) async throws {
        let torrent = try connection.torrents.find(name)
        try await each([torrent], stop, report) { run, torrent in
            try requireNoMove(of: torrent)
            let metainfo = try StoredTorrent(torrent, connection).metainfo
            let plain = try connection.paths.asAdded(metainfo.withoutRenames, torrent.id)
            let change = try NewName(file, to: newName, in: metainfo)
            let renames = change.applied(to: try connection.renames.of(torrent.id), of: metainfo, plain: plain)
            try await run.rename(torrent, renames)
        }
    }

    /// Continues or undoes the unfinished renaming of a torrent.
    package func settleRename(
        _ name: String, undoing: Bool, stop: VerificationStop = VerificationStop(),
        report: @escaping @Sendable (MoveStep) -> Void
    ) async throws {
        let torrent = try connection.torrents.find(name)
        guard let move = try connection.moves.row(torrent.id), move.isRenaming else {
            throw Failure.usage("no renaming of \(torrent.name.printable) is unfinished: give a new name")
        }
        guard !undoing || move.isHeld else {
            throw Failure("\(torrent.name.printable) has its new names already: rename it back")
        }
        try await each([torrent], stop, report) { run, torrent in
            if undoing { try await run.undoMove(of: torrent) } else { try await run.continueMove(of: torrent) }
        }
    }
}
