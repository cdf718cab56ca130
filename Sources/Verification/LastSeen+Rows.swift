import Disk
import Store

extension LastSeen {
    /// What the database remembers of a torrent's files; `volume` is the identity of the volume in the torrent's row.
    package init(_ row: TorrentRow, _ fingerprints: [FingerprintRow], volume: String?) {
        let devices = fingerprints.map { print -> (PayloadFile, UInt64) in
            (print.index == FingerprintRow.partFile ? .parts : .entry(print.index), UInt64(bitPattern: print.device))
        }
        self.init(folderWasSeen: row.isRootSeen, devices: Dictionary(devices) { _, last in last }, volume: volume)
    }
}

extension FingerprintRow {
    /// What the disk says of a file, as the database remembers it.
    package init(_ print: Fingerprint) {
        self.init(
            index: print.file.index, size: print.size, mtimeNs: print.modified, inode: Int64(bitPattern: print.inode),
            device: Int64(bitPattern: print.device),
            bornNs: print.born)
    }

    /// Whether both are of one file that nobody has touched in between. The device is left out: its number may be
    /// another after each start of the machine.
    package func isAsLeft(_ other: FingerprintRow) -> Bool {
        index == other.index && size == other.size && mtimeNs == other.mtimeNs && inode == other.inode
    }
}

extension PayloadFile {
    /// The file's number in the database.
    package var index: Int {
        switch self {
        case .entry(let index): index
        case .parts: FingerprintRow.partFile
        }
    }

    package init(index: Int) { self = index == FingerprintRow.partFile ? .parts : .entry(index) }
}
