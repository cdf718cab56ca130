import Glibc
import System
package import SystemPackage
import Torrent

/// Space that the engine reserves for its database: a file `<database>.reserve`, which is deleted when the volume is
/// full. Then the pieces already on the disk can still be recorded, along with the reason why nothing more is started.
///
/// The file is created again when there is room. Until then ``Connection/requireRoom()`` rejects anything that leads to
/// more writing.
package final class Reserve {
    /// Bytes: as much as the write-ahead log needs until it is copied into the database, at
    /// ``Connection/checkpointPages`` pages of 4 KiB.
    package static let length: Int64 = 4 << 20

    package let path: FilePath

    package init(database: FilePath) {
        // Beside the lock file, whatever path was given for the database.
        path = DatabaseFile.resolved(database).extended(by: ".reserve")
    }

    /// Whether the space is reserved.
    package var isWhole: Bool {
        var status = stat()
        return path.withPlatformString({ stat($0, &status) }) == 0 && Int64(status.st_blocks) * 512 >= Self.length
    }

    /// Reserves the space unless it is already reserved. Returns the system's error when that fails.
    package func take() -> Errno? {
        if isWhole { return nil }
        let descriptor = path.withPlatformString {
            open($0, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR)
        }
        guard descriptor >= 0 else { return Errno(rawValue: errno) }
        // Nothing was written through the descriptor.
        defer { close(descriptor) }
        do {
            try Linux.allocate(descriptor, length: Int64(Self.length))
            return nil
        } catch {
            giveUp()
            return error
        }
    }

    /// Releases the space. Returns whether there was any.
    @discardableResult
    func giveUp() -> Bool { path.withPlatformString({ unlink($0) }) == 0 }
}

extension StoreError {
    /// `SQLITE_IOERR_WRITE` (sqlite.org/rescode.html), which SQLite also reports when a quota is exhausted.
    private static let failedWrite: Int32 = 778

    /// Whether a lack of space may be the cause.
    var mayBeForSpace: Bool { code == .full || sqliteCode == Self.failedWrite }
}

extension Connection {
    /// Throws when the volume is full or nearly full: what is already on the disk can still be recorded, but nothing
    /// more should be started.
    ///
    /// Takes the reserve again if it was released. If that fails for another reason than space, the engine works
    /// without a reserve. A connection without a reserve never throws.
    package func requireRoom() throws(StoreError) {
        if let shortage { throw shortage }
    }

    /// The error that ``requireRoom()`` throws; `nil` when there is room.
    package var shortage: StoreError? {
        guard let error = reserve?.take(), error == .noSpace || error == Errno(rawValue: EDQUOT) else { return nil }
        return fault(
            .full,
            "there is no space left for the database: free some space, and pieces resumes automatically; what is on disk already is still recorded"
        )
    }
}
