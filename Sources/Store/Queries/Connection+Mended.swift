/// A note that the database was recovered or a backup restored. It is kept apart from the event log, so that status
/// queries find it at once.
package struct MendedNote: Sendable, Hashable {
    package let at: Timestamp
    /// One sentence: what happened, and what was lost.
    package let sentence: String

    /// How long every status answer mentions it. The event log keeps it for longer.
    package static let lifetime = Duration.seconds(7 * 86_400)
}

extension Connection {
    /// Keys of the table `setting`.
    private static let mendedAtKey = "mended.at"
    private static let mendedSentenceKey = "mended.what"

    /// Writes the note, and an event.
    func noteMending(_ sentence: String, now: Timestamp) throws(StoreError) {
        try transaction { () throws(StoreError) in
            try appendEvent(.mended, sentence, now: now)
            try set(Self.mendedAtKey, "\(now.rawValue)")
            try set(Self.mendedSentenceKey, sentence)
        }
    }

    /// The latest note, while it is younger than ``MendedNote/lifetime``. A note from the future was written by a wrong
    /// clock and is included.
    package func lastMending(now: Timestamp) throws(StoreError) -> MendedNote? {
        guard let at = try setting(Self.mendedAtKey).flatMap({ Int64($0) }),
            let sentence = try setting(Self.mendedSentenceKey)
        else { return nil }
        let note = MendedNote(at: Timestamp(at), sentence: sentence)
        return note.at > now || now - note.at < MendedNote.lifetime ? note : nil
    }
}
