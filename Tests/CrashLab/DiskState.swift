import Glibc
package import SystemPackage
import TestSupport

/// What a disk holds at one moment: a tree of directories and files.
package struct DiskState: Sendable {
    package struct File: Sendable, Equatable {
        package var bytes: [UInt8]
        /// Nanoseconds since 1970.
        package var modified: Int64
    }

    package internal(set) var files: [Node: File] = [:]
    package internal(set) var directories: [Node: [String: Node]] = [.root: [:]]
    var owners: [Node: Owner] = [:]

    package init() {}

    /// The file at the path below the root; `nil` when there is none.
    package func file(_ path: [String]) -> File? { node(path).flatMap { files[$0] } }

    package func node(_ path: [String]) -> Node? {
        var at = Node.root
        for name in path {
            guard let next = directories[at]?[name] else { return nil }
            at = next
        }
        return at
    }

    /// The highest number of a node.
    var highest: Int {
        max(Node.root.number, files.keys.map(\.number).max() ?? 0, directories.keys.map(\.number).max() ?? 0)
    }

    /// Puts all of it, or one owner's, into an empty folder that is there.
    package func materialise(in folder: FilePath, only owner: Owner? = nil) throws {
        var paths: [Node: String] = [:]
        try materialise(.root, in: folder.string, owner, &paths)
    }

    private func setTime(of path: String, to nanoseconds: Int64) throws {
        let time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        guard utimensat(AT_FDCWD, path, [time, time], 0) == 0 else { throw Errno(rawValue: errno) }
    }

    /// `paths` has the first name of each file: another one is a link to it.
    private func materialise(
        _ directory: Node, in folder: String, _ owner: Owner?, _ paths: inout [Node: String]
    ) throws {
        for (name, node) in directories[directory] ?? [:] where owner == nil || owners[node] == owner {
            let path = "\(folder)/\(name)"
            if let first = paths[node] {
                guard link(first, path) == 0 else { throw Errno(rawValue: errno) }
            } else if let file = files[node] {
                paths[node] = path
                try Files.write(file.bytes, to: FilePath(path))
                try setTime(of: path, to: file.modified)
            } else {
                guard mkdir(path, 0o777) == 0 else { throw Errno(rawValue: errno) }
                try materialise(node, in: path, owner, &paths)
            }
        }
    }
}
