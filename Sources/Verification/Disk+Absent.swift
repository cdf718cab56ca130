package import Disk
package import Store
import Torrent

extension Disk {
    /// One of the volumes and where it is, if none of them is in its place: what is at their mount point is another
    /// disk, or an empty folder.
    package func absent(_ rows: [VolumeRow]) async -> (row: VolumeRow, state: VolumeState)? {
        var absent: (VolumeRow, VolumeState)?
        for row in rows {
            let (state, _) = await state(of: row.known, at: row.mountPath)
            if state.isOnline { return nil }
            absent = (row, state)
        }
        return absent
    }
}
