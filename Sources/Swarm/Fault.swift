/// A fault of the local machine that makes the torrent wait.
package struct Fault: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        case diskFull, input, offline, database
        /// The database has room to record what is on disk, but for nothing more.
        case databaseFull
        /// A file that must be written doesn't belong to the torrent. The user must resolve that, or another torrent
        /// must make progress first.
        case ownership
        /// The payload is only read, and bytes are missing. What is there is served.
        case readOnly
    }

    package let kind: Kind
    /// One sentence that names the thing and says what to do.
    package let text: String

    package init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
}
