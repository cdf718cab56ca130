// Room: Library.
// Duty: the use cases of a user: add, pause, resume, remove, select, limit, verify, explain, doctor, status, and the
// upkeep of the database.
// Owns: the order of steps in each of them; what is refused, and why; what keeps a torrent from downloading.
// Never: parses arguments, prints, asks for exit codes or for a terminal; decides about pieces, peers or durability.
// Invariants: a use case is a function from values to values with typed errors; it works whether or not an engine runs,
// and what it changes an engine learns from the same transaction.

import Store
import SystemPackage

/// The torrents of one database, and the operations on them.
package struct Library {
    package let connection: Connection

    package init(_ connection: Connection) { self.connection = connection }

    /// The path of the database file.
    package var database: FilePath { connection.path }

    /// Returns whether an engine is running on the database.
    package func engine() throws(StoreError) -> EngineState { try EngineState(database: database, connection) }
}
