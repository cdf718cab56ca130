import Import
import Store
import System
import SystemPackage
import Torrent

/// A copy of qBittorrent's database in a folder of our own, because SQLite writes beside what it reads. The folder is
/// removed with it.
final class ForeignCopy {
    private static let columns = [
        "name", "category", "tags", "target_save_path", "download_path", "ratio_limit", "seeding_time_limit",
        "inactive_seeding_time_limit", "stopped", "queue_position", "libtorrent_resume_data", "metadata",
    ]

    private let folder: FilePath
    private var open: ForeignDatabase?
    private let known: [String]

    var database: ForeignDatabase {
        guard let open else { preconditionFailure("the database is open as long as its copy exists") }
        return open
    }

    init(of path: FilePath) throws {
        do { folder = try PathCalls.makeTemporaryFolder(FilePath(text: Self.place).appending("pieces-import-")) } catch
        {
            throw Failure("cannot make a folder for a copy of \(path.text.printable): \(error)")
        }
        let copy = folder.appending("torrents.db")
        do {
            for suffix in ["", "-wal"] {
                let source = FilePath(text: path.text + suffix)
                guard suffix.isEmpty || PathCalls.exists(source) else { continue }
                try FileCopy.copy(source, to: FilePath(text: copy.text + suffix))
            }
            let database = try ForeignDatabase(copy: copy)
            let columns = try database.columns(of: "torrents")
            guard columns.contains("torrent_id"), columns.contains("libtorrent_resume_data") else {
                throw Failure("\(path.text.printable) is not a database of qBittorrent")
            }
            known = Self.columns.filter(columns.contains)
            open = database
        } catch {
            Self.remove(folder)
            if let error = error as? StoreError { throw Failure("\(path.text.printable): \(error.message)") }
            throw error
        }
    }

    deinit {
        open = nil
        Self.remove(folder)
    }

    func torrent(_ id: ForeignDatabase.Value) throws(StoreError) -> [String: ForeignDatabase.Value]? {
        try database.row(known, of: "torrents", where: "torrent_id", is: id)
    }

    private static var place: String { ThisProcess.variable("TMPDIR").map { PathText.text($0) } ?? "/tmp" }

    /// Removes the copy. What can't be removed is left to the system, which empties the folder for temporary files.
    private static func remove(_ folder: FilePath) {
        do {
            for name in try PathCalls.names(in: folder) {
                try PathCalls.removeFile(folder.appending(name: PathText.text(name)))
            }
            try PathCalls.removeFolder(folder)
        } catch {}
    }
}

/// Copies files.
private enum FileCopy {
    private static let bufferBytes = 1 << 20

    /// Copies a file's bytes to a new file that only this user may read.
    static func copy(_ source: FilePath, to target: FilePath) throws {
        do {
            let from = try FileDescriptor.open(source, .readOnly, options: [.closeOnExec, .nonBlocking])
            try from.closeAfter {
                guard try PathStatus(of: from).kind == .file else {
                    throw Failure("\(source.text.printable) is not a regular file")
                }
                let to = try FileDescriptor.open(
                    target, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                    permissions: [.ownerReadWrite])
                try to.closeAfter {
                    var buffer = [UInt8](repeating: 0, count: bufferBytes)
                    while true {
                        let count = try buffer.withUnsafeMutableBytes { try from.read(into: $0) }
                        guard count > 0 else { return }
                        _ = try to.writeAll(buffer.prefix(count))
                    }
                }
            }
        } catch let error as Errno {
            throw Failure("cannot copy \(source.text.printable) to \(target.text.printable): \(error)")
        }
    }
}
