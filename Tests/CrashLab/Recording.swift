import Disk
import Glibc
import Synchronization
package import SystemPackage

/// The one ordered log of what happens to a folder: payload and database together.
///
/// What happens and its place in the log are one step under one lock; only syncs take their time, and say when they
/// began.
package final class Recording: Sendable {
    fileprivate struct State {
        var entries: [LogEntry] = []
        var nextNumber: Int
        /// Where that begins which is to be cut.
        var first = 0
        var nextNode: Int
        var nodes: [FileIdentity: Node] = [:]
        /// The payload's files and directories.
        var payload: [(node: Node, isDirectory: Bool)] = []
        var times: [Node: Int64] = [:]

        fileprivate mutating func append(_ operation: DiskOperation) {
            entries.append(LogEntry(nextNumber, operation))
            nextNumber += 1
        }
    }

    /// The folder in which everything lies.
    package let folder: FilePath
    private let state: Mutex<State>

    /// What was there at the beginning.
    private let found: DiskState

    /// Fills the folder, which has to be empty, with what a process finds there. Where it goes on after another
    /// recording, `nextNumber` and
    /// `nextNode` are beyond what that one used.
    package init(in folder: FilePath, finding found: DiskState = DiskState(), nextNumber: Int = 0, nextNode: Int = 0)
        throws
    {
        guard let resolved = realpath(folder.string, nil) else { throw Errno(rawValue: errno) }
        self.folder = FilePath(String(cString: resolved))
        free(resolved)
        self.found = found
        try found.materialise(in: self.folder)
        var state = State(
            nextNumber: nextNumber, nextNode: max(nextNode, found.highest + 1), times: found.files.mapValues(\.modified)
        )
        try Self.learn(.root, self.folder, found, &state)
        self.state = Mutex(state)
    }

    private static func learn(_ node: Node, _ path: FilePath, _ found: DiskState, _ state: inout State) throws {
        var status = stat()
        guard lstat(path.string, &status) == 0 else { throw Errno(rawValue: errno) }
        state.nodes[FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))] = node
        if node != .root, found.owners[node] == .payload {
            state.payload.append((node, found.directories[node] != nil))
        }
        for (name, child) in found.directories[node] ?? [:] { try learn(child, path.appending(name), found, &state) }
    }

    /// What happened since.
    package var entries: [LogEntry] { state.withLock(\.entries) }

    /// How many entries came before ``mark()``.
    package var first: Int { state.withLock(\.first) }

    /// What happened up to now is not to be cut.
    package func mark() { state.withLock { $0.first = $0.entries.count } }

    /// What a process finds now.
    package var present: DiskState {
        var model = DiskModel(found)
        for entry in entries { model.apply(entry) }
        return model.after(.everything)
    }

    // MARK: What is found

    func node(_ identity: FileIdentity) -> Node? { state.withLock { $0.nodes[identity] } }

    /// When the file was last modified, in nanoseconds since 1970; `nil` for what the log doesn't know.
    func modified(_ node: Node) -> Int64? { state.withLock { $0.times[node] } }

    // MARK: What happens

    /// Does something and notes it, as one step.
    func perform<Value: Sendable>(_ body: () throws(Errno) -> (Value, DiskOperation?)) throws(Errno) -> Value {
        try state.withLock { state throws(Errno) in
            let (value, operation) = try body()
            if let operation { state.note(operation) }
            return value
        }
    }

    /// Makes something and gives it a number, as one step.
    func make<Value: Sendable>(
        _ body: () throws(Errno) -> (Value, FileIdentity), as operation: (Node) -> DiskOperation
    ) throws(Errno) -> (Value, Node) {
        try state.withLock { state throws(Errno) in
            let (value, identity) = try body()
            let node = Node(state.nextNode)
            state.nextNode += 1
            state.nodes[identity] = node
            state.times[node] = Self.now
            state.note(operation(node))
            return (value, node)
        }
    }

    func note(_ operation: DiskOperation) { state.withLock { $0.note(operation) } }

    /// Everything of the payload was synced as one: one entry behind the other for all of its files and directories,
    /// with one beginning.
    func noteVolumeSync(began: Int) {
        state.withLock { state in
            for (node, isDirectory) in state.payload {
                state.note(
                    isDirectory ? .syncDirectory(node, began: began, .payload) : .syncFile(node, began: began, .payload)
                )
            }
        }
    }

    /// All files and directories of the payload become durable with their times, as they do by themselves in a minute.
    func notePassingOfTime() {
        state.withLock { state in
            let began = state.nextNumber
            for (node, isDirectory) in state.payload {
                state.note(
                    isDirectory
                        ? .syncDirectory(node, began: began, .payload) : .syncWhole(node, began: began, .payload))
            }
        }
    }

    /// The number of what comes next: where a sync begins.
    var position: Int { state.withLock(\.nextNumber) }

    /// Nanoseconds since 1970.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

extension Recording.State {
    fileprivate mutating func note(_ operation: DiskOperation) {
        switch operation {
        case .write(let node, _, _, let time), .resize(let node, _, let time), .setTime(let node, let time):
            times[node] = time
        case .makeFile(let node, _, _, .payload): payload.append((node, false))
        case .makeDirectory(let node, _, _, .payload): payload.append((node, true))
        default: break
        }
        append(operation)
    }
}
