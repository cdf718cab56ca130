import Disk
package import Store
package import Torrent
package import Verification

/// Compares files of torrents with a publisher's list of checksums.
package struct ListComparison: Sendable {
    package enum Verdict: Sendable, Equatable {
        case same
        case differs
        /// Not all of the file is there.
        case incomplete
        /// The file can't be read: one sentence.
        case unreadable(String)
    }

    package struct File: Sendable {
        package let torrent: TorrentRow
        /// The path below the output folder.
        package let path: String
        package let hash: ContentHash
        package let verdict: Verdict
        /// Whether the recorded SHA-256 was compared, and no byte was read.
        package var isOfRecord = false
    }

    package internal(set) var files: [File] = []
    /// The paths of the list that no file of the torrents has.
    package internal(set) var unknown: [String] = []
    /// The number of complete or wanted files that the list doesn't have.
    package internal(set) var unlisted = 0
}

extension Library {
    /// Compares the files of torrents with a list. A recorded SHA-256 of verified pieces is compared as it is; for
    /// other hashes the files are read.
    package func compare(
        _ choice: TorrentChoice, with list: ChecksumList, stop: VerificationStop = VerificationStop(),
        report: (ListComparison.File) -> Void
    ) async throws -> ListComparison {
        var result = ListComparison()
        var isUsed = Array(repeating: false, count: list.entries.count)
        let disk = try Disk()
        for torrent in try connection.findTorrents(choice) {
            let stored: StoredTorrent
            do { stored = try StoredTorrent(torrent, connection) } catch let error as UnusableTorrent {
                throw Failure("\(error)")
            }
            let matches = ListMatching(list.entries).matches(in: stored.metainfo)
            let listed = Set(matches.map(\.file))
            result.unlisted += stored.metainfo.layout.files.count {
                stored.selection.wanted[$0.index] && !listed.contains($0.index)
            }
            guard !matches.isEmpty else { continue }
            let look = await stored.look(disk)
            let known = try connection.digests.rows(of: torrent.id)
            for match in matches {
                isUsed[match.entry] = true
                let entry = list.entries[match.entry]
                let file = try await compare(entry, match.file, stored, look, known[match.file], disk, stop)
                result.files.append(file)
                report(file)
            }
        }
        for (entry, isUsed) in zip(list.entries, isUsed) where !isUsed { result.unknown.append(entry.path) }
        return result
    }

    private func compare(
        _ entry: ChecksumList.Entry, _ index: Int, _ stored: StoredTorrent, _ look: PayloadLook,
        _ known: DigestRow?, _ disk: Disk, _ stop: VerificationStop
    ) async throws -> ListComparison.File {
        let (metainfo, torrent) = (stored.metainfo, stored.row)
        let file = metainfo.layout.files[index]
        func result(_ verdict: ListComparison.Verdict, isOfRecord: Bool = false) -> ListComparison.File {
            ListComparison.File(
                torrent: torrent, path: file.displayPath, hash: entry.hash, verdict: verdict, isOfRecord: isOfRecord)
        }
        let pieces = metainfo.layout.pieces(of: index, geometry: metainfo.geometry)
        guard file.isEmpty || !pieces.contains(where: { !stored.have[$0] }) else { return result(.incomplete) }
        if entry.hash == .sha256, let known {
            return result(known.sha256.elementsEqual(entry.digest) ? .same : .differs, isOfRecord: true)
        }
        guard look.reach == .reachable || file.isEmpty else {
            return result(.unreadable(look.reason ?? "the files can't be reached"))
        }
        do {
            let digests = try await disk.hashFile(look.payload, index, [entry.hash], cancel: stop.token)
            return result(digests[entry.hash] == entry.digest ? .same : .differs)
        } catch {
            guard error.code != .cancelled else { throw Failure("the comparison was interrupted") }
            return result(.unreadable("\(error)"))
        }
    }
}

/// Finds the files of a torrent that a list means: by the whole path, the path below the torrent's own folder, or the
/// file's name if only one file has it.
struct ListMatching {
    private let entries: [ChecksumList.Entry]

    init(_ entries: [ChecksumList.Entry]) { self.entries = entries }

    func matches(in metainfo: Metainfo) -> [(entry: Int, file: Int)] {
        var whole: [FileName: Int] = [:]
        var byName: [FileName: Int?] = [:]
        let files = metainfo.layout.files.filter { !$0.isPad }
        // The publisher's names are those of the .torrent, whatever the files are called here.
        for layout in [metainfo.withoutRenames.layout, metainfo.layout] {
            for file in layout.files where !file.isPad {
                whole[FileName(file.displayPath)] = file.index
                if !file.pathBelowRoot.isEmpty { whole[FileName(file.pathBelowRoot)] = file.index }
                guard let name = file.path.last.map({ FileName($0) }) else { continue }
                if let known = byName[name], known != file.index {
                    byName[name] = .some(nil)
                } else {
                    byName[name] = file.index
                }
            }
        }
        return entries.indices.compactMap { index in
            if entries[index].path.isEmpty { return files.count == 1 ? (index, files[0].index) : nil }
            return file(entries[index].path, whole, byName).map { (index, $0) }
        }
    }

    private func file(_ path: String, _ whole: [FileName: Int], _ byName: [FileName: Int?]) -> Int? {
        var names = path.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
        names.removeAll { $0 == "." }
        guard let last = names.last else { return nil }
        // The beginning of the path may be that of the publisher's own folders, or `data/` of a bag.
        for start in names.indices {
            if start < names.count - 1 || names.count == 1,
                let file = whole[FileName(names[start...].joined(separator: "/"))]
            {
                return file
            }
        }
        return byName[FileName(last)] ?? nil
    }
}
