import Store
package import SystemPackage
package import Torrent

/// The outcome of recovering a damaged database.
package struct RecoveryReport: Hashable, Sendable {
    /// The damage that was found, as text that can follow “the database was damaged”.
    package let reason: String
    /// The new path of the damaged file; its log is beside it.
    package let setAside: FilePath
    /// The time of the backup that was used; `nil` when there was none.
    package let backup: Timestamp?
    /// Torrents that were read from the damaged file.
    package let salvaged: Int
    /// Torrents that only the backup had.
    package let fromBackup: Int
    /// The names or numbers of torrents that are lost, because too little of them is left.
    package let lost: [String]
    /// Pieces that were recorded as present or may be on the disk, and will be rechecked.
    package let unverifiedPieces: Int

    package init(
        reason: String, setAside: FilePath, backup: Timestamp?, salvaged: Int, fromBackup: Int, lost: [String],
        unverifiedPieces: Int
    ) {
        self.reason = reason
        self.setAside = setAside
        self.backup = backup
        self.salvaged = salvaged
        self.fromBackup = fromBackup
        self.lost = lost
        self.unverifiedPieces = unverifiedPieces
    }

    /// The most names that the sentence lists; the others are counted.
    private static let namesListed = 5

    /// What happened and what was lost, in one sentence.
    package var sentence: String {
        let total = salvaged + fromBackup + lost.count
        var parts = ["\(Self.grouped(salvaged)) of \(Self.grouped(total)) torrents were recovered"]
        if let backup, fromBackup > 0 {
            parts.append("\(Self.grouped(fromBackup)) came from the backup of \(backup.compact)")
        }
        if !lost.isEmpty {
            let rest = lost.count > Self.namesListed ? " and \(Self.grouped(lost.count - Self.namesListed)) more" : ""
            parts.append(
                "\(Self.grouped(lost.count)) \(lost.count == 1 ? "was" : "were") lost (\(lost.prefix(Self.namesListed).joined(separator: ", "))\(rest))"
            )
        }
        let cost =
            unverifiedPieces == 0
            ? "nothing has to be re-checked" : "\(Self.grouped(unverifiedPieces)) pieces will be re-checked"
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
