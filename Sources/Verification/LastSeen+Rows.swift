package import Disk
package import Store
import Torrent

extension LastSeen {
    /// The database's record of where a torrent's files are. `volume` is that of the torrent's row.
    package init(_ row: TorrentRow, _ fingerprints: [FingerprintRow], volume: VolumeRow?) {
        let prints = fingerprints.map { (PayloadFile(index: $0.index), $0.print) }
        self.init(
            folderWasSeen: row.isRootSeen, prints: Dictionary(prints) { _, last in last }, volume: volume?.known,
            isForeign: volume?.isForeign ?? false)
    }
}

extension VolumeRow {
    package var known: VolumeIdentity { VolumeIdentity(identity, sentinel: sentinel) }
}

extension VolumeSighting {
    package init(_ volume: Volume) {
        self.init(identity: volume.identity, mountPath: volume.mountPath)
        sentinel = volume.sentinel
        numbered = volume.numbered
        otherMounts = volume.otherMounts
        twins = volume.twins
    }
}

extension FingerprintRow {
    package init(_ found: FoundFile) { self.init(index: found.file.index, found.print) }
}

extension PayloadFile {
    /// The file's index in the database.
    package var index: Int {
        switch self {
        case .entry(let index): index
        case .parts: FingerprintRow.partFile
        }
    }

    package init(index: Int) { self = index == FingerprintRow.partFile ? .parts : .entry(index) }
}
