import Disk
import Store
import Swarm
import Torrent

extension Fault {
    /// Converts an error of the disk for the brain.
    init(_ error: DiskError) {
        let kind: Kind =
            if error.code.isOffline {
                .offline
            } else if error.code == .noSpace {
                .diskFull
            } else if error.code.isOfOwnership {
                .ownership
            } else if error.code == .protected {
                .readOnly
            } else {
                .input
            }
        self.init(kind, "\(error)")
    }

    init(_ error: StoreError) { self.init(error.code == .full ? .databaseFull : .database, "\(error)") }

    /// The kind as the database has it; `nil` for kinds that no program treats in a way of its own.
    var code: ErrorCode? { kind == .readOnly ? .readOnly : nil }
}
