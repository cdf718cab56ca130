// Room: Library.
// Duty: the use cases of a user: add, pause, resume, remove, select, limit, verify, explain, doctor, status, and the
// maintenance of the database.
// Owns: the order of steps in each use case; what is refused, and why; the reasons why a torrent isn't downloading.
// Never: parses arguments, prints, needs exit codes or a terminal; decides about pieces, peers or durability.
// Invariants: a use case is a function from values to values with typed errors; it works with or without a running
// engine, and notifies the engine of its changes in the same transaction.

package import Disk
package import Store
package import SystemPackage

/// The torrents of one database, and the operations on them.
package struct Library {
    package let connection: Connection
    /// What reaches the payload of a move or a renaming.
    let makeDisk: @Sendable () throws -> Disk

    package init(_ connection: Connection, makeDisk: @escaping @Sendable () throws -> Disk = { try Disk() }) {
        self.connection = connection
        self.makeDisk = makeDisk
    }

    /// The path of the database file.
    package var database: FilePath { connection.path }

    /// Returns whether an engine is running on the database.
    package func engine() throws(StoreError) -> EngineState { try EngineState(database: database, connection) }
}
