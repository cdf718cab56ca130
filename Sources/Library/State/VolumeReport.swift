package import Disk
package import Store
package import Torrent

/// A volume as the database knows it, and as it is now.
package struct VolumeReport: Sendable {
    package let row: VolumeRow
    package let state: VolumeState
    /// `nil` if the volume isn't mounted.
    package let space: VolumeSpace?
    package let tally: VolumeTally?
    /// The damage that a scrub or a check found there; `nil` if there was none.
    package let damage: DamageSum?
    /// Bytes that downloads and moves leave free.
    package let reserve: Int64
    /// Where clones of the volume are mounted.
    package let twins: [String]

    package var torrents: Int { tally?.torrents ?? 0 }
    /// Whether torrents are missing because the volume isn't in its place.
    package var isMissed: Bool { torrents > 0 && !state.isOnline }
    /// Since when the volume isn't in its place, as far as an engine has seen.
    package var offlineSince: Timestamp? { state.isOnline ? nil : row.offlineSince ?? row.lastSeen }

    /// What the user should know and can do, in sentences.
    package var notes: [String] {
        let title = (row.name ?? "the volume of \(row.mountPath)").printable
        var notes: [String] = []
        if !state.isOnline, torrents > 0 {
            notes.append("\(title) \(state.clause(at: row.mountPath).printable): \(advice)")
        }
        if row.isForeign, torrents > 0 {
            notes.append(
                "\(title) was last used on another machine; its torrents are offline until their files are found here")
        }
        if let damage, damage.standing > 0 {
            notes.append(
                "\(title) has \(Format.count(damage.standing, "damaged piece")): `pieces scrub` shows where, and what "
                    + "becomes of \(damage.standing == 1 ? "it" : "them")")
        }
        if !twins.isEmpty {
            let places = ([row.mountPath] + twins).map(\.printable).joined(separator: ", ")
            notes.append(
                "\(title) and a clone with the same UUID are mounted (\(places)): `pieces volumes \(row.id.rawValue) --mark` "
                    + "writes a file to its root by which pieces tells them apart")
        }
        return notes
    }

    private var advice: String {
        let elsewhere =
            "or, if the files were moved, find them with `pieces move --volume \(row.id.rawValue) DIR --found`"
        return switch state {
        case .elsewhere(let path):
            "mount it at \(row.mountPath.printable), or use it where it is with `pieces move --volume \(row.id.rawValue) "
                + "\(path.printable) --found`"
        case .silent: "check the disk or the server; nothing is lost meanwhile"
        case .replaced: "mount the right one, and its torrents resume by themselves, \(elsewhere)"
        default: "mount it, and its torrents resume by themselves, \(elsewhere)"
        }
    }
}
