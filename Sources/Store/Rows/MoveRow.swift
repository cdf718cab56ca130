package import Torrent

/// A move of a torrent's payload to another folder, or of its files to other names, that isn't finished.
package struct MoveRow: Row, Sendable, Hashable {
    /// How far the move is.
    package struct Step: RawRepresentable, Hashable, Sendable, SQLValue {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// The files are about to be listed, once no engine uses them.
        package static let waiting = Step(rawValue: "waiting")
        /// The files are listed, and get names in the new folder.
        package static let placing = Step(rawValue: "placing")
        /// The torrent is in the new folder; the files in the old one are removed.
        package static let removing = Step(rawValue: "removing")
    }

    package let torrent: TorrentID
    /// The absolute folder that the payload is moved from.
    package let source: String
    /// The absolute folder that the payload is moved to.
    package let target: String
    package let step: Step
    /// Whether the user has paused the torrent, apart from the move.
    package let wasPaused: Bool
    package let beganAt: Timestamp
    /// The run whose engine doesn't use the torrent's files any more.
    package let released: RunID?

    /// Whether the files stay in their folder and get other names: ``RenameTable/planned(of:)``.
    package var isRenaming: Bool { PathText.isSame(source, target) }

    /// Whether no engine may work on the torrent.
    package var isHeld: Bool { step != .removing }

    /// What to show for the torrent while it is held.
    package var sentence: String {
        isRenaming
            ? "its files are being renamed: `pieces rename \(torrent)` continues if that was interrupted"
            : "it is being moved from \(source) to \(target): `pieces move \(torrent)` continues if that was interrupted"
    }

    package static let columns = "torrent_id, source, target, step, was_paused, began_at, released"

    package init(_ row: Statement) throws(StoreError) {
        torrent = try row.next()
        source = try row.nextAbsolutePath()
        target = try row.nextAbsolutePath()
        step = try row.next()
        wasPaused = try row.next()
        beganAt = try row.next()
        released = try row.next()
    }
}
