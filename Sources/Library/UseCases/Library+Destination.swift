package import Store
import Torrent
package import Verification

/// Moves complete torrents from the folder for incomplete ones to their own. A move that was killed continues at the
/// next call.
extension Library {
    /// The complete torrents that are to be moved to their own folders.
    package func dueForOwnFolder() throws(StoreError) -> [TorrentID] {
        try connection.destinations.due().map(\.torrent)
    }

    /// Moves the torrent to its own folder. If that has to wait, the reason is recorded for `status`, and returned
    /// unless it was known.
    package func moveToOwnFolder(
        _ id: TorrentID, stop: VerificationStop, report: @escaping @Sendable (MoveStep) -> Void
    ) async throws -> String? {
        guard let destination = try connection.destinations.row(id), let torrent = try connection.torrents.row(id)
        else {
            return nil
        }
        var problem = Self.absence(of: destination)
        if problem == nil {
            do {
                try await move(torrent, to: destination.folder, stop, report)
            } catch let failure as Failure {
                // An interrupted move continues later.
                guard !stop.isRequested else { throw failure }
                problem = failure.description
            }
        }
        try connection.destinations.setProblem(id, problem)
        return problem.flatMap { $0 == destination.problem ? nil : "\(torrent.name): \($0)" }
    }

    /// Why the folder can't be used now: its disk is not mounted. The folder would be made on the disk below.
    private static func absence(of destination: DestinationRow) -> String? {
        guard let known = destination.mountPath, let now = AddRequest.mountPath(holding: destination.folder),
            known != now, !now.utf8.starts(with: (known == "/" ? known : known + "/").utf8)
        else { return nil }
        return "\(known) is not mounted: mount it, or choose another folder with `pieces move \(destination.torrent)`"
    }
}
