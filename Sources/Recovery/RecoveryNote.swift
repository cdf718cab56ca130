package import Store
package import Torrent

/// A note that the database was recovered or a backup restored. It is kept apart from the event log, so that status
/// queries find it at once.
package struct RecoveryNote: Sendable, Hashable {
    package let at: Timestamp
    /// One sentence: what happened, and what was lost.
    package let sentence: String

    /// How long every status answer mentions it. The event log keeps it for longer.
    package static let lifetime = Duration.seconds(7 * 86_400)

    /// Keys of the table `setting`.
    private static let atKey = "mended.at"
    private static let sentenceKey = "mended.what"

    /// Writes the note, and an event.
    static func write(_ sentence: String, in db: Connection, now: Timestamp) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            try db.events.append(.recovered, sentence, now: now)
            try db.settings.set(atKey, "\(now.rawValue)")
            try db.settings.set(sentenceKey, sentence)
        }
    }

    /// The latest note, while it is younger than ``lifetime``. A note from the future was written by a wrong clock and
    /// is included.
    package static func latest(in db: Connection, now: Timestamp) throws(StoreError) -> RecoveryNote? {
        guard let at = try db.settings.value(atKey).flatMap({ Int64($0) }),
            let sentence = try db.settings.value(sentenceKey)
        else {
            return nil
        }
        let note = RecoveryNote(at: Timestamp(at), sentence: sentence)
        return note.at > now || now - note.at < lifetime ? note : nil
    }
}
