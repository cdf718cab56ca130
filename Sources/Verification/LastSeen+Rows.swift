package import Disk
package import Store
import Torrent

extension LastSeen {
    /// The database's record of where a torrent's files are. `volume` is the identity of the volume in the torrent's
    /// row.
    package init(_ row: TorrentRow, _ fingerprints: [FingerprintRow], volume: String?) {
        let devices = fingerprints.map { print -> (PayloadFile, UInt64) in
            (PayloadFile(index: print.index), print.print.device)
        }
        self.init(folderWasSeen: row.isRootSeen, devices: Dictionary(devices) { _, last in last }, volume: volume)
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
