/// A file or directory of the modelled disk, whatever it is called.
package struct Node: Hashable, Comparable, Sendable {
    package let number: Int

    package init(_ number: Int) { self.number = number }

    /// The directory in which everything lies. It was there and synced before anything was recorded.
    package static let root = Node(1)

    package static func < (a: Self, b: Self) -> Bool { a.number < b.number }
}

/// Whose a file is: a cut may spare the one and not the other.
package enum Owner: Int, Sendable, CaseIterable {
    case payload, database
}

/// One thing that happened to the disk.
package enum DiskOperation: Sendable, Equatable {
    case makeDirectory(Node, named: String, in: Node, Owner)
    case makeFile(Node, named: String, in: Node, Owner)
    /// The file has another name, too.
    case link(Node, named: String, in: Node)
    /// A file's or an empty directory's name is gone.
    case remove(named: String, in: Node)
    /// The file has another name now, in one step: it has the one or the other (rename(2)). What had that name is gone.
    case rename(Node, from: String, to: String, in: Node)
    /// `at` is the time of modification that the file has from now on, in nanoseconds since 1970.
    case write(Node, offset: Int, bytes: [UInt8], at: Int64)
    /// `ftruncate` or `posix_fallocate`: the file has this length now, zeros where it grew.
    case resize(Node, length: Int, at: Int64)
    /// What happened to the file before `began` (the number of the operation that came next) is durable: its data and
    /// size.
    case syncFile(Node, began: Int, Owner)
    /// The file has this time of modification.
    case setTime(Node, at: Int64)
    /// As `syncFile`, and the times with it (fsync(2)).
    case syncWhole(Node, began: Int, Owner)
    /// The names in the directory are durable that came or went before `began`.
    case syncDirectory(Node, began: Int, Owner)
    /// A sync of the file failed: what was done to it since the last one never gets to the disk, and counts as clean.
    case lose(Node)
    /// Something that was answered with success and did nothing: what a ``Mutation`` leaves of it.
    case nothing
    /// The power went here, and came back: what is recorded after it happened to what the cut left.
    case powerCut(Cut)
}

/// An operation and its place in the one order of all. Numbers begin at 0, and grow; a mutation may leave some out.
package struct LogEntry: Sendable, Equatable {
    package let number: Int
    package let operation: DiskOperation

    package init(_ number: Int, _ operation: DiskOperation) {
        self.number = number
        self.operation = operation
    }
}
