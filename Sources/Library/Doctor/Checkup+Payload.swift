import Disk
import Store
import SystemPackage
import Torrent
import Verification

/// Checks the disks and the files on them.
extension Checkup {
    func volumes() async throws -> [Diagnosis] {
        let folders = try connection.torrents.outputSums(limit: Self.folderLimit)
        guard !folders.isEmpty else { return [] }
        var found: [Diagnosis] = []
        var present = 0
        for folder in folders {
            let about = "\(folder.path.printable) (\(Format.count(folder.torrents, "torrent")))"
            guard let volume = await disk.volume(at: FilePath(text: folder.path)) else {
                found.append(
                    folder.wasSeen
                        ? .problem(
                            .volumes, "\(about) does not exist",
                            "mount its disk: the torrents then resume, and nothing is downloaded again")
                        : .notice(.volumes, "\(about) does not exist yet", "it is created when the download starts"))
                continue
            }
            present += 1
            if let known = folder.volume, !VolumeIdentity(known).isSame(as: VolumeIdentity(volume.identity)) {
                let place = "\(about) is on a different disk than before (\(volume.identity), was \(known))"
                if let away = try await away(in: folder.path) {
                    found.append(
                        .problem(
                            .volumes, "\(place), and files are missing there",
                            "mount the disk that holds the payload: then nothing is downloaded again"
                                + (away.allowsRelocation ? "; \(away.torrent.relocationAdvice)" : "")))
                    // The free space of the wrong disk means nothing.
                    continue
                }
            }
            let free = try await disk.freeSpace(at: FilePath(text: folder.path))
            let reserve = try connection.volumes.match(VolumeSighting(volume))?.reserveBytes ?? 0
            if folder.missingBytes > free - reserve {
                let kept = reserve > 0 ? ", \(Format.bytes(reserve)) of that in reserve" : ""
                found.append(
                    .problem(
                        .volumes,
                        "\(about) has \(Format.bytes(free)) free\(kept), but \(Format.bytes(folder.missingBytes)) are still to be downloaded",
                        "free some space; downloads resume automatically"))
            }
        }
        found += try await places()
        if found.isEmpty {
            found.append(
                .fine(
                    .volumes,
                    "\(Format.count(present, "folder")) with payload: present, with enough space for what is still to be downloaded"
                ))
        }
        return found
    }

    /// Volumes that are in another place, on another machine's record, or mounted together with a clone.
    private func places() async throws -> [Diagnosis] {
        try await Library(connection).volumes(reserve: 0).filter { $0.torrents > 0 }.flatMap { volume -> [Diagnosis] in
            let title = "the volume \(volume.row.title.printable)"
            switch volume.state {
            case .elsewhere, .replaced, .automounter, .silent:
                return [
                    .problem(
                        .volumes, "\(title) \(volume.state.clause(at: volume.row.mountPath).printable)",
                        "mount it in its place; `pieces volumes \(volume.row.id.rawValue)` says what else helps")
                ]
            case .online, .noMountPoint, .emptyMountPoint, .notMounted: break
            }
            if volume.row.isForeign {
                return [
                    .problem(
                        .volumes, "\(title) was last used on another machine, and its files were not found here yet",
                        "mount it and start the engine, or find its files with `pieces move --volume \(volume.row.id.rawValue) DIR --found`"
                    )
                ]
            }
            guard !volume.twins.isEmpty else { return [] }
            return [
                .notice(
                    .volumes, "\(title) and a clone with the same UUID are mounted: \(volume.twins[0].printable)",
                    "`pieces volumes \(volume.row.id.rawValue) --mark` tells them apart")
            ]
        }
    }

    /// Compares the files of a sample of torrents with their records. The engine compares the others when it activates
    /// them.
    func files() async throws -> [Diagnosis] {
        let sample = try connection.torrents.leastVerified(limit: Self.sampleSize)
        guard !sample.isEmpty else { return [] }
        var found: [Diagnosis] = []
        for row in sample {
            let known = try StoredTorrent(row, connection)
            let look = await known.look(disk)
            guard look.reach == .reachable else {
                // A missing folder was already reported with its volume.
                if look.reach.isOffline, await disk.volume(at: FilePath(text: row.output)) != nil {
                    found.append(
                        .problem(
                            .files, "\(row.name.printable) can't be reached: \((look.reason ?? "").printable)",
                            look.allowsRelocation
                                ? "mount its disk: then nothing is downloaded again; \(row.id.relocationAdvice)"
                                : "make it reachable: then nothing is downloaded again"))
                }
                continue
            }
            let changed = known.fingerprints.filter { recorded in
                look.files[PayloadFile(index: recorded.index)].map { !$0.print.isUnchanged(since: recorded.print) }
                    ?? true
            }
            if let first = changed.first {
                let files = known.metainfo.layout.files
                let name = files.indices.contains(first.index) ? " (\(files[first.index].displayPath.printable))" : ""
                let example = changed.count == 1 ? name : name.isEmpty ? "" : ", for example\(name)"
                let count = "\(Format.count(changed.count, "file")) of \(row.name.printable)"
                found.append(
                    .problem(
                        .files, "\(count) \(changed.count == 1 ? "is" : "are") missing or changed outside\(example)",
                        "`pieces verify \(row.id)` finds the damaged pieces; the next run downloads them again"
                    ))
            }
        }
        guard found.isEmpty else { return found }
        let oldest = sample.first?.lastVerifiedAt.map { "; least recently verified: \(Format.moment($0))" } ?? ""
        return [
            .fine(
                .files, "the files of \(Format.count(sample.count, "complete torrent")) are unchanged\(oldest)")
        ]
    }

    /// A torrent in the folder whose files can't be reached; `nil` if the files of all sampled torrents can be reached.
    private func away(in folder: String) async throws -> (torrent: TorrentID, allowsRelocation: Bool)? {
        for row in try connection.torrents.rows(in: folder, limit: Self.sampleSize) {
            guard row.isRootSeen, row.damage == nil else { continue }
            let look = await (try StoredTorrent(row, connection)).look(disk)
            if look.reach.isOffline { return (row.id, look.allowsRelocation) }
        }
        return nil
    }
}
