package import Torrent

/// What the user wrote about a torrent.
package struct NoteRow: Row, Sendable, Hashable {
    /// The most characters of a note.
    package static let maximumLength = 10_000

    package let text: String
    /// When it was written.
    package let at: Timestamp

    package static let columns = "text, at"

    package init(_ row: Statement) throws(StoreError) {
        text = try row.next()
        at = try row.next()
    }
}
