package import Torrent

/// The write intents in the database: a piece may be written to only while it has one, so that a start after a crash
/// knows which pieces to recheck (law 2 of the design).
package struct WriteIntents {
    /// Pieces with a write intent in the database.
    package private(set) var recorded: Bitfield
    /// Pieces whose write intent is being recorded.
    package private(set) var pending: Bitfield
    /// Pieces that need a write intent which was not sent to the database yet.
    private var unsent: [PieceIndex] = []
    /// Candidates whose write intents were recorded in advance; the next one to download is last.
    private var upcoming: [PieceIndex] = []

    init(recorded: Bitfield) {
        self.recorded = recorded
        pending = Bitfield(count: recorded.count)
    }

    /// Whether any piece needs a write intent that was not sent to the database yet.
    var hasUnsent: Bool { !unsent.isEmpty }

    /// Whether the piece has a write intent, or will have one once the database answers.
    func covers(_ piece: PieceIndex) -> Bool { recorded[piece] || pending[piece] }

    /// Whether the piece has a write intent, or will get one.
    func isExpected(for piece: PieceIndex) -> Bool { covers(piece) || unsent.contains(piece) }

    /// The piece became active.
    mutating func need(_ piece: PieceIndex) {
        if !covers(piece) { unsent.append(piece) }
    }

    /// Returns the pieces that need a write intent now. Those in `closing` must wait, because the record under way ends
    /// their old intents.
    mutating func takeUnsent(except closing: Set<PieceIndex>) -> [PieceIndex] {
        let fresh = unsent.filter { !covers($0) && !closing.contains($0) }
        unsent.removeAll { !closing.contains($0) }
        return fresh
    }

    /// The intents of `fresh`, and of `ahead` in advance, are sent to the database.
    mutating func sent(_ fresh: [PieceIndex], ahead: [PieceIndex], candidates: Bitfield) {
        for piece in fresh { pending.insert(piece) }
        for piece in ahead { pending.insert(piece) }
        upcoming = ahead.reversed() + upcoming.filter { candidates[$0] }
    }

    /// Sets the candidates whose intents an earlier run recorded and never used.
    mutating func restoreUpcoming(_ pieces: [PieceIndex]) { upcoming = pieces }

    /// Returns up to `count` candidates whose intents were recorded in advance; the next one to download is last.
    mutating func nextUpcoming(_ count: Int, candidates: Bitfield) -> ArraySlice<PieceIndex> {
        while let next = upcoming.last, !candidates[next] { upcoming.removeLast() }
        return upcoming.suffix(count)
    }

    /// The database recorded the intent.
    mutating func wasRecorded(_ piece: PieceIndex) {
        pending.remove(piece)
        recorded.insert(piece)
    }

    /// The database refused the intent. It is sent again if the piece still needs it.
    mutating func wasRefused(_ piece: PieceIndex, isNeeded: Bool) {
        pending.remove(piece)
        if isNeeded { unsent.append(piece) }
    }

    /// The piece became unverified, which the database records in the same way as a write intent.
    mutating func becameUnverified(_ piece: PieceIndex) { recorded.insert(piece) }

    mutating func becameUnverified(_ pieces: Bitfield) { recorded.formUnion(pieces) }

    /// The intent ended: the piece is recorded as present, or nothing was written to it.
    mutating func ended(_ piece: PieceIndex) { recorded.remove(piece) }
}
