import SystemPackage
import Torrent

/// What became of a damaged database.
package struct RecoveryReport: Hashable, Sendable {
    /// What was found, in words that go on after “the database was damaged”.
    package let reason: String
    /// Where the damaged file is now, with its log beside it.
    package let setAside: FilePath
    /// The moment of the backup that was used; `nil` when there was none to use.
    package let backup: Timestamp?
    /// Torrents that were read out of the damaged file.
    package let salvaged: Int
    /// Torrents that only the backup had.
    package let fromBackup: Int
    /// Torrents of which too little is left to go on, by name or number.
    package let lost: [String]
    /// Pieces that were claimed, or may be there, and are looked at again.
    package let doubtfulPieces: Int

    package init(
        reason: String, setAside: FilePath, backup: Timestamp?, salvaged: Int, fromBackup: Int, lost: [String],
        doubtfulPieces: Int
    ) {
        self.reason = reason
        self.setAside = setAside
        self.backup = backup
        self.salvaged = salvaged
        self.fromBackup = fromBackup
        self.lost = lost
        self.doubtfulPieces = doubtfulPieces
    }

    /// Names that the sentence tells; more are counted.
    private static let namesTold = 5

    /// What happened and what it cost, in one sentence.
    package var sentence: String {
        let total = salvaged + fromBackup + lost.count
        var parts = ["\(Self.grouped(salvaged)) of \(Self.grouped(total)) torrents were recovered"]
        if let backup, fromBackup > 0 {
            parts.append("\(Self.grouped(fromBackup)) came from the backup of \(backup.compact)")
        }
        if !lost.isEmpty {
            let rest = lost.count > Self.namesTold ? " and \(Self.grouped(lost.count - Self.namesTold)) more" : ""
            parts.append(
                "\(Self.grouped(lost.count)) \(lost.count == 1 ? "was" : "were") lost (\(lost.prefix(Self.namesTold).joined(separator: ", "))\(rest))"
            )
        }
        let cost =
            doubtfulPieces == 0
            ? "nothing has to be re-checked" : "\(Self.grouped(doubtfulPieces)) pieces will be re-checked"
        return
            "the database was damaged (\(reason)); it was moved to \(setAside.text); \(parts.joined(separator: ", ")); \(cost)"
    }

    /// `41,203`
    private static func grouped(_ number: Int) -> String {
        var text = ""
        for (place, digit) in String(number).reversed().enumerated() {
            if place > 0, place % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }
}

/// What a backup brought back.
package struct Restoration: Hashable, Sendable {
    /// Where the database is now that was replaced; `nil` when there was none.
    package let setAside: FilePath?
    package let torrents: Int
    /// Pieces that are looked at again: what was claimed then may be something else now.
    package let doubtfulPieces: Int
}
