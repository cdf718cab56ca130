import Disk
import Glibc
import Store
import SystemPackage
import Torrent

/// The calls for names in the database's folder, which are noted in a recording.
struct RecordedFolder: FolderCalls {
    private let system = SystemFolderCalls()
    private let recording: Recording

    init(_ recording: Recording) { self.recording = recording }

    func rename(_ old: FilePath, to new: FilePath) throws(Errno) {
        let node = node(old)
        try recording.perform { () throws(Errno) in
            // The shared-memory index is memory: no disk has it.
            ((try system.rename(old, to: new)), node.map { .rename($0, from: name(old), to: name(new), in: .root) })
        }
    }

    func remove(_ file: FilePath) throws(Errno) {
        let node = node(file)
        try recording.perform { () throws(Errno) in
            ((try system.remove(file)), node.map { _ in .remove(named: name(file), in: .root) })
        }
    }

    func setTime(_ file: FilePath, to moment: Timestamp) throws(Errno) {
        let node = node(file)
        try recording.perform { () throws(Errno) in
            ((try system.setTime(file, to: moment)), node.map { .setTime($0, at: moment.rawValue * 1_000_000_000) })
        }
    }

    func syncFile(_ file: FilePath) throws(Errno) {
        let (node, began) = (node(file), recording.position)
        try system.syncFile(file)
        if let node { recording.note(.syncWhole(node, began: began, .database)) }
    }

    func syncFolder(_ folder: FilePath) throws(Errno) {
        let began = recording.position
        try system.syncFolder(folder)
        recording.note(.syncDirectory(.root, began: began, .database))
    }

    /// `nil` for what isn't there or the recording doesn't know.
    private func node(_ file: FilePath) -> Node? {
        var status = stat()
        guard stat(file.string, &status) == 0 else { return nil }
        return recording.node(FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)))
    }

    private func name(_ file: FilePath) -> String {
        guard let name = file.lastComponent?.string else { preconditionFailure("\(file) is a file of the database's") }
        return name
    }
}
