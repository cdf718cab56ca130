package import Disk
package import Store

extension LastSeen {
    /// The database's record of where a torrent's files are. `volume` is the identity of the volume in the torrent's
    /// row.
    package init(_ row: TorrentRow, _ fingerprints: [FingerprintRow], volume: String?) {
        let devices = fingerprints.map { print -> (PayloadFile, UInt64) in
            (print.index == FingerprintRow.partFile ? .parts : .entry(print.index), UInt64(bitPattern: print.device))
        }
        self.init(folderWasSeen: row.isRootSeen, devices: Dictionary(devices) { _, last in last }, volume: volume)
    }
}

extension FingerprintRow {
    /// A file's fingerprint on the disk, in the database's form.
    package init(_ print: Fingerprint) {
        self.init(
            index: print.file.index, size: print.size, mtimeNs: print.modified, inode: Int64(bitPattern: print.inode),
            device: Int64(bitPattern: print.device),
            bornNs: print.born)
    }

    /// Whether both are of one file that was not changed in between. The device is not compared, because its number may
    /// change at each start of the machine.
    package func isAsLeft(_ other: FingerprintRow) -> Bool {
        index == other.index && size == other.size && mtimeNs == other.mtimeNs && inode == other.inode
    }
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
