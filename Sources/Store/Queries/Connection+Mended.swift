/// That the database was mended, or a backup restored: kept beside the log, where whoever asks for the state finds it
/// at once.
package struct MendedNote: Sendable, Hashable {
    package let at: Timestamp
    /// One sentence: what happened, and what it cost.
    package let sentence: String

    /// How long it is worth a line in every answer about the state; the log keeps it for longer.
    package static let lifetime = Duration.seconds(7 * 86_400)
}

extension Connection {
    /// Keys of the table `setting`.
    private static let mendedAtKey = "mended.at"
    private static let mendedSentenceKey = "mended.what"

    /// Writes it down, in the log too.
    func noteMending(_ sentence: String, now: Timestamp) throws(StoreError) {
        try transaction { () throws(StoreError) in
            try appendEvent(.mended, sentence, now: now)
            try set(Self.mendedAtKey, "\(now.rawValue)")
            try set(Self.mendedSentenceKey, sentence)
        }
    }

    /// The last time that the database was mended, while it is younger than ``MendedNote/lifetime``; one of the future
    /// is of a clock that was wrong, and is told.
    package func lastMending(now: Timestamp) throws(StoreError) -> MendedNote? {
        guard let at = try setting(Self.mendedAtKey).flatMap({ Int64($0) }),
            let sentence = try setting(Self.mendedSentenceKey)
        else { return nil }
        let note = MendedNote(at: Timestamp(at), sentence: sentence)
        return note.at > now || now - note.at < MendedNote.lifetime ? note : nil
    }
}
