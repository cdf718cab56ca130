import Disk
import Store
import SystemPackage
import Torrent

/// Which torrents take turns, because their payload is on one disk; the others are read side by side.
///
/// Only the table of mounts is asked, because a look at a folder may take for ever. What lies on several disks, as on a
/// RAID, takes turns with what is on one of them.
struct DiskLanes {
    struct Lane: Hashable, Sendable {
        fileprivate let number: Int
    }

    private let connection: Connection
    private let mounts = MountTable.current
    private var byFolder: [FileName: Lane] = [:]
    private var byDisk: [String: Lane] = [:]
    private var count = 0

    init(_ connection: Connection) { self.connection = connection }

    mutating func lane(of row: TorrentRow) -> Lane {
        let folder = FileName(row.output)
        if let known = byFolder[folder] { return known }
        let known = PhysicalDevice.listed(for: FilePath(text: resolved(row)), in: mounts).sorted()
        // What is on unknown disks takes turns: a lane has threads of its own.
        let disks = known.isEmpty ? [""] : known
        let lane = disks.lazy.compactMap { [byDisk] in byDisk[$0] }.first ?? new()
        for disk in disks where byDisk[disk] == nil { byDisk[disk] = lane }
        byFolder[folder] = lane
        return lane
    }

    private mutating func new() -> Lane {
        count += 1
        return Lane(number: count)
    }

    /// The output folder without links, as far as the database knows. If it can't be read, the torrent may share a disk
    /// with others, which costs time and nothing else.
    private func resolved(_ row: TorrentRow) -> String {
        do { return try connection.torrents.resolvedOutput(row.id) ?? row.output } catch { return row.output }
    }
}
