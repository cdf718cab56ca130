/// A disk and the page cache over it, as far as a power cut can tell them apart.
///
/// What it promises is what POSIX and Linux's man pages promise, and no more:
/// - `fdatasync` of a file makes its data and its size durable that were there when it began; not its name, and not
///   surely its time.
/// - `fsync` of a file makes its times durable, too.
/// - A file that is made shorter has its old size with what it had, or the new one: never the old one with zeros in it.
/// - A file that is renamed has its old name or its new one, never none and never both.
/// - `fsync` of a directory makes the names in it durable that were there when it began; not the directory's own name.
/// - `sync_file_range` makes nothing durable.
/// - All else may have got to the disk or not: each 4 KiB page or 512 byte sector on its own, in any of the versions
/// that it had since the file's last sync (none of them, where a sync failed); sizes old or new; each name as it was at
/// some moment since the directory's last sync. A file whose name isn't there is gone, and so is what lies in a
///   directory that is. A page that never got there is what it was, or a hole of zeros.
///
/// Outside of it: disks that say that they flushed and didn't, sectors that are half old and half new, damage to what
/// was synced, and other files' old blocks that show up in new ones.
package struct DiskModel: Sendable {
    private var files: [Node: FileHistory] = [:]
    private var directories: [Node: DirectoryHistory] = [:]
    private var owners: [Node: Owner] = [:]

    /// A disk on which everything is durable.
    package init(_ state: DiskState = DiskState()) {
        files = Dictionary(
            uniqueKeysWithValues: state.files.map { ($0, FileHistory(owner: state.owners[$0] ?? .payload, $1)) })
        directories = state.directories.mapValues { DirectoryHistory($0) }
        owners = state.owners
    }

    package mutating func apply(_ entry: LogEntry) {
        let number = entry.number
        switch entry.operation {
        case .makeDirectory(let node, let name, let parent, let owner):
            directories[node] = DirectoryHistory()
            owners[node] = owner
            directories[parent]?.add(number, name, node)
        case .makeFile(let node, let name, let parent, let owner):
            files[node] = FileHistory(owner: owner)
            owners[node] = owner
            directories[parent]?.add(number, name, node)
        case .link(let node, let name, let parent): directories[parent]?.add(number, name, node)
        case .remove(let name, let parent): directories[parent]?.remove(number, name)
        case .rename(let node, let old, let new, let parent):
            directories[parent]?.rename(number, node, from: old, to: new)
        case .write(let node, let offset, let bytes, let time):
            files[node]?.write(number, offset: offset, bytes: bytes, at: time)
        case .resize(let node, let length, let time): files[node]?.resize(number, length: length, at: time)
        case .setTime(let node, let time): files[node]?.setTime(number, at: time)
        case .syncFile(let node, let began, _): files[node]?.sync(began: began)
        case .syncWhole(let node, let began, _): files[node]?.sync(began: began, keepsTime: true)
        case .syncDirectory(let node, let began, _): directories[node]?.sync(began: began)
        case .lose(let node): files[node]?.lose()
        case .nothing: break
        case .powerCut(let cut): self = DiskModel(after(cut))
        }
    }

    /// What the disk holds when it has power again.
    package func after(_ cut: Cut) -> DiskState {
        var state = DiskState()
        var waiting = [Node.root]
        while let node = waiting.popLast() {
            state.owners[node] = owners[node]
            if let directory = directories[node] {
                let names = directory.after(cut, node)
                state.directories[node] = names
                waiting += names.values
            } else if let file = files[node] {
                state.files[node] = file.after(cut, node)
            }
        }
        return state
    }
}
