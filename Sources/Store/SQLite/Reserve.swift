import Glibc
import System
import SystemPackage
import Torrent

/// Space that the engine keeps for its database: a file `<database>.reserve`, which is given up when the volume is
/// full, so that what is already on the disk can still be recorded, and why nothing more is begun.
///
/// It is made anew when there is room again; until then ``Connection/requireRoom()`` refuses what would lead to more
/// writing.
package final class Reserve {
    /// Bytes: as much as the write-ahead log takes until it is copied into the database, at
    /// ``Connection/checkpointPages`` pages of 4 KiB.
    package static let length: Int64 = 4 << 20

    package let path: FilePath

    init(database: FilePath) {
        // Beside the lock file, whatever name the database was given.
        path = DatabaseFile.resolved(database).extended(by: ".reserve")
    }

    /// Whether the space is there.
    package var isWhole: Bool {
        var status = stat()
        return path.withPlatformString({ stat($0, &status) }) == 0 && Int64(status.st_blocks) * 512 >= Self.length
    }

    /// Takes the space, if it isn't taken; the error of the system when it can't be had.
    func take() -> Errno? {
        if isWhole { return nil }
        let descriptor = path.withPlatformString {
            open($0, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR)
        }
        guard descriptor >= 0 else { return Errno(rawValue: errno) }
        // Nothing was written through it.
        defer { close(descriptor) }
        do {
            try Linux.allocate(descriptor, length: Int64(Self.length))
            return nil
        } catch {
            giveUp()
            return error
        }
    }

    /// Gives the space back; whether there was any.
    @discardableResult
    func giveUp() -> Bool { path.withPlatformString({ unlink($0) }) == 0 }
}

extension StoreError {
    /// `SQLITE_IOERR_WRITE` (sqlite.org/rescode.html), which is also what SQLite says when a quota is exhausted.
    private static let failedWrite: Int32 = 778

    /// Whether it may be for want of space.
    var mayBeForSpace: Bool { code == .full || sqliteCode == Self.failedWrite }
}

extension Connection {
    /// Throws where the volume is full or nearly so: what is on the disk already can still be recorded, and nothing
    /// more should be begun.
    ///
    /// Takes the reserve again when it was given up. Where it can't be had for another reason than space the engine
    /// does without; a connection without one has nothing to say.
    package func requireRoom() throws(StoreError) {
        if let shortage { throw shortage }
    }

    /// What ``requireRoom()`` throws; `nil` where there is room.
    package var shortage: StoreError? {
        guard let error = reserve?.take(), error == .noSpace || error == Errno(rawValue: EDQUOT) else { return nil }
        return fault(
            .full,
            "there is no space left for the database: free some space, and pieces resumes automatically; what is on disk already is still recorded"
        )
    }
}
