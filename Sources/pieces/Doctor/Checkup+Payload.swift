import Disk
import Engine
import Store
import SystemPackage
import Torrent

/// The disks and the files on them.
extension Checkup {
    func volumes() async throws -> [Diagnosis] {
        let folders = try connection.outputSums(limit: Self.folderLimit)
        guard !folders.isEmpty else { return [] }
        var found: [Diagnosis] = []
        var present = 0
        for folder in folders {
            let about = "\(folder.path.printable), with \(Format.count(folder.torrents, "torrent"))"
            guard let volume = await disk.volume(at: FilePath(text: folder.path)) else {
                found.append(
                    folder.wasSeen
                        ? .problem(.volumes, "\(about), is not there", "mount its disk: nothing is downloaded again when it returns")
                        : .notice(.volumes, "\(about), is not there yet", "it is made when the download begins"))
                continue
            }
            present += 1
            if let known = folder.volume, known != volume.identity {
                found.append(
                    .notice(
                        .volumes, "\(about), is on another disk than before (\(volume.identity), was \(known))",
                        "mount the disk that holds the payload, or let `pieces verify` adopt what is there"))
            }
            let free = try await disk.freeSpace(at: FilePath(text: folder.path))
            if folder.missingBytes > free {
                found.append(
                    .problem(
                        .volumes, "\(about), has \(Format.bytes(free)) left for \(Format.bytes(folder.missingBytes)) that are to come",
                        "make room: downloads wait, and go on by themselves"))
            }
        }
        if found.isEmpty {
            found.append(.fine(.volumes, "\(Format.count(present, "folder")) with payload, all there, with room for what is missing"))
        }
        return found
    }

    /// The files of some torrents beside what is remembered of them; the others are compared when they wake.
    func files() async throws -> [Diagnosis] {
        let sample = try connection.leastVerified(limit: Self.sampleSize)
        guard !sample.isEmpty else { return [] }
        var found: [Diagnosis] = []
        for row in sample {
            let known = try StoredTorrent(row, connection)
            let current: [Fingerprint]
            do throws(DiskError) {
                current = try await disk.fingerprints(known.payload)
            } catch {
                // A folder that can't be reached was told of with its volume.
                continue
            }
            let now = Set(current.map { FingerprintRow($0).content })
            let changed = known.fingerprints.filter { !now.contains($0.content) }.count
            if changed > 0 {
                found.append(
                    .problem(
                        .files, "\(Format.count(changed, "file")) of \(row.name.printable) \(changed == 1 ? "is" : "are") gone or changed outside",
                        "`pieces verify \(row.id)` tells what is still right; the rest is downloaded again at the next run"))
            }
        }
        guard found.isEmpty else { return found }
        let oldest = sample.first?.lastVerifiedAt.map { "; the longest unverified was hashed on \(Format.moment($0))" } ?? ""
        return [.fine(.files, "the files of \(Format.count(sample.count, "complete torrent")) are as they were left\(oldest)")]
    }
}

extension FingerprintRow {
    /// What tells an outside change: not the device, whose number may be another after each start of the machine.
    fileprivate var content: [Int64] { [Int64(index), size, mtimeNs, inode] }
}
