package import Disk
package import Store
import Swarm
import SystemPackage
import Torrent
import Verification

/// Who owns the files at a torrent's paths.
///
/// A file is the torrent's own if the torrent created it, or if one of its pieces matched in it. A file that another
/// torrent of the database holds is shared: that torrent writes it, and this one reads it. Every other file is the
/// user's, and is neither written nor deleted.
package struct Custody: Sendable, Equatable {
    /// A file that another torrent writes.
    package struct Shared: Sendable, Hashable {
        package let holder: FileHolder
        /// The file as it was last examined. If the holder has written more, it must be examined again.
        package let found: FoundFile
    }

    /// The files that the torrent may write to and delete.
    package var own: [PayloadFile: FileIdentity] = [:]
    /// Files that are not yet proven to be the torrent's.
    package var unproven: [PayloadFile: FileIdentity] = [:]
    /// Files without a good piece, because another program changed all of them: they are kept until the user says
    /// otherwise, and nothing else waits for that.
    package var edited: [PayloadFile: FileIdentity] = [:]
    /// The unproven files without any bytes.
    package var empty: Set<PayloadFile> = []
    package var shared: [Int: Shared] = [:]
    /// Own files that other torrents claim too: they may be written, but not deleted.
    package var claimedByOthers: [Int: FileHolder] = [:]
    /// Files that are the same file as another one of this torrent, because the file system doesn't distinguish their
    /// names.
    package var twins: [Int: Int] = [:]
    /// The recorded ones of these files, which are two links to one file: both names go when the data is deleted.
    package var linked: [PayloadFile: FileIdentity] = [:]
    /// Files that, according to the database, the torrent created or is about to create.
    package var announced: Set<Int> = []
    /// Files that were recorded while another torrent wrote them.
    private var wasShared: Set<Int> = []
    /// Whether the user's permission to overwrite existing files still applies.
    package var hasLeave = false

    package init() {}

    /// Files that the torrent takes over: another torrent wrote them and is gone, so that they may contain pieces that
    /// this torrent hasn't checked yet.
    var takenOver: Set<Int> { wasShared.filter { own[.entry($0)] != nil } }

    /// Whether another torrent writes or wrote the file, and has changed it since it was recorded, so that all of its
    /// pieces should be rechecked.
    func isNewsOfShared(_ index: Int, _ recorded: FingerprintRow?, _ current: FileFingerprint?) -> Bool {
        guard let recorded else { return false }
        if let shared = shared[index] { return shared.found.print != recorded.print }
        guard wasShared.contains(index), own[.entry(index)] != nil, let current else { return false }
        return current != recorded.print
    }

    /// How far the torrent that writes the file is. Fingerprints can't tell: the holder may have written between this
    /// torrent's check and the fingerprint that was recorded, or within the clock tick of that fingerprint.
    func progressOfHolder(_ index: Int) -> ResumePlan.Holder {
        if let shared = shared[index] { return shared.holder.isWhole ? .finished : .unfinished }
        return wasShared.contains(index) && own[.entry(index)] != nil ? .finished : .none
    }

    /// Returns the files that are deleted with the torrent's data. An empty file proves nothing and holds nothing: if
    /// the torrent lists it as empty, it is deleted with the others.
    fileprivate func deletable(in layout: FileLayout) -> [PayloadFile: FileIdentity] {
        var files = own.merging(linked) { own, _ in own }
        if !files.isEmpty {
            for (file, identity) in unproven where empty.contains(file) {
                if case .entry(let index) = file, layout.files[index].isEmpty { files[file] = identity }
            }
        }
        return files.filter { file, _ in
            if case .entry(let index) = file { claimedByOthers[index] == nil } else { true }
        }
    }

    /// The files that prevent writing. If they change, the torrent must be examined again.
    var obstacles: [PayloadFile: FileIdentity] {
        unproven.merging(shared.map { (.entry($0), $1.found.identity) }) { first, _ in first }
    }
}

/// The database's records of the files that were found.
package struct CustodyRecords: Sendable {
    let recorded: [Int: FingerprintRow]
    let ownership: [Int: OwnershipRow]
    let mayOverwrite: Bool
    /// Files all of whose pieces are edits that are kept.
    let edited: Set<Int>
    /// Files with edits that the user allowed to overwrite.
    let released: Set<Int>
    /// Files of other torrents that were recorded with the same inode, by this torrent's file index.
    let candidates: [Int: [FileHolder]]

    /// Whether the file was recorded with the identity it has now.
    func knows(_ found: FoundFile) -> Bool {
        recorded[found.file.index]?.print.isSameFile(as: found.print) ?? false
    }
}

extension Connection {
    /// Reads the records of the files found at the torrent's paths.
    package func custodyRecords(of id: TorrentID, found: [FoundFile], in payload: Payload) throws(StoreError)
        -> CustodyRecords
    {
        try transaction(.deferred) { () throws(StoreError) in
            var candidates: [Int: [FileHolder]] = [:]
            for file in found {
                guard case .entry(let index) = file.file else { continue }
                let holders = try files.holders(ofInode: file.print.inode, besides: id)
                if !holders.isEmpty { candidates[index] = holders }
            }
            let edits = try damage.standing(of: id).filter { $0.kind == .edit }
            let (edited, released) = payload.files(edits)
            return CustodyRecords(
                recorded: Dictionary(try files.fingerprints(of: id).map { ($0.index, $0) }) { _, last in last },
                ownership: Dictionary(try files.ownership(of: id).map { ($0.index, $0) }) { _, last in last },
                mayOverwrite: try torrents.mayOverwrite(id), edited: edited, released: released,
                candidates: candidates)
        }
    }
}

extension Payload {
    /// The files that consist of held edits, and those with edits that the user allowed to overwrite.
    fileprivate func files(_ edits: [DamageRow]) -> (edited: Set<Int>, released: Set<Int>) {
        var (held, touched, released) = (Set<PieceIndex>(), Set<Int>(), Set<Int>())
        for row in edits where geometry.pieces.contains(row.piece) {
            let files = layout.files(of: row.piece, geometry: geometry).filter { !layout.files[$0].isEmpty }
            if row.state == .held {
                held.insert(row.piece)
                touched.formUnion(files)
            } else {
                released.formUnion(files)
            }
        }
        let edited = touched.filter { layout.pieces(of: $0, geometry: geometry).allSatisfy(held.contains) }
        return (edited, released)
    }

    /// Whether all pieces of the file are among these.
    func isWithin(_ pieces: Bitfield, file index: Int) -> Bool {
        layout.pieces(of: index, geometry: geometry).allSatisfy { pieces[$0] }
    }
}

extension Custody {
    /// Decides the owner of each file that was found.
    ///
    /// `aliveUntilNs` is the time in Unix nanoseconds until which one of our runs may have created a file. A file that
    /// the torrent was about to create, but that changed later, is not its own.
    package init(
        of id: TorrentID, _ files: [FoundFile], _ records: CustodyRecords, on disk: Disk, aliveUntilNs: Int64?
    ) async {
        announced = Set(records.ownership.values.lazy.filter(\.isMade).map(\.index))
        wasShared = Set(records.ownership.values.lazy.filter(\.isShared).map(\.index))
        hasLeave = records.mayOverwrite
        // Of two entries that are one file, the recorded one counts, or else the first.
        var first: [FileIdentity: PayloadFile] = [:]
        for found in files.sorted(by: { records.knows($0) && !records.knows($1) }) where first[found.identity] == nil {
            first[found.identity] = found.file
        }
        for found in files {
            if case .entry(let index) = found.file, case .entry(let twin)? = first[found.identity], twin != index {
                twins[index] = twin
                if records.knows(found) { linked[found.file] = found.identity }
                continue
            }
            let index = found.file.index
            let recorded = records.knows(found)
            let ownership = records.ownership[index]
            var holder: FileHolder?
            for candidate in records.candidates[index] ?? [] where holder == nil {
                guard await disk.identity(at: FilePath(text: candidate.output + "/" + candidate.path)) == found.identity
                else { continue }
                claimedByOthers[index] = candidate
                // If both torrents recorded the file as their own, the older one is the holder.
                let isOurs = recorded && ownership?.isShared != true && id < candidate.torrent
                if !candidate.isShared, !isOurs { holder = candidate }
            }
            if let holder, case .entry(let file) = found.file {
                shared[file] = Shared(holder: holder, found: found)
            } else if records.edited.contains(index), !records.mayOverwrite {
                edited[found.file] = found.identity
            } else if recorded || records.mayOverwrite || records.released.contains(index)
                || isLeftOver(found, ownership, records.recorded[index], aliveUntilNs)
            {
                own[found.file] = found.identity
            } else {
                unproven[found.file] = found.identity
                if found.print.size == 0 { empty.insert(found.file) }
            }
        }
    }

    /// Whether an interrupted run of ours left the file before recording it.
    private func isLeftOver(
        _ found: FoundFile, _ ownership: OwnershipRow?, _ recorded: FingerprintRow?, _ aliveUntilNs: Int64?
    ) -> Bool {
        guard recorded == nil, let ownership, ownership.isMade, let alive = aliveUntilNs else { return false }
        let (latest, overflow) = alive.addingReportingOverflow(ResumePlan.graceNs)
        return overflow || found.changedNs <= latest
    }
}

extension Removal {
    /// The most files named in a message.
    private static let namedFiles = 3

    /// Returns one sentence on the files that were kept and why, or `nil` if none was.
    fileprivate func keptText(_ payload: Payload, _ custody: Custody) -> String? {
        guard !kept.isEmpty else { return nil }
        let reasons = kept.prefix(Self.namedFiles).map { file -> String in
            let path = payload.path(of: file)
            if case .entry(let index) = file,
                let holder = custody.shared[index]?.holder ?? custody.claimedByOthers[index]
            {
                return "\(path) is also a file of torrent \(holder.torrent) (\(holder.name))"
            }
            if custody.edited[file] != nil { return "\(path) was changed by another program" }
            return "\(path) was not downloaded by this torrent, and none of its pieces match"
        }
        let rest = kept.count > Self.namedFiles ? "; and \(kept.count - Self.namedFiles) more" : ""
        return "kept \(kept.count) \(kept.count == 1 ? "file" : "files"): \(reasons.joined(separator: "; "))\(rest)"
    }
}

extension Custody {
    /// Deletes the torrent's own files. `kept` is one sentence on the files that were kept and why.
    package func deleteData(of payload: Payload, on disk: Disk) async throws(DiskError) -> (
        removal: Removal, kept: String?
    ) {
        let removal = try await disk.removeData(payload, own: deletable(in: payload.layout))
        return (removal, removal.keptText(payload, self))
    }

    /// The paths of the files that ``deleteData(of:on:)`` would delete, in the order of the torrent, and one sentence
    /// on the files that it would keep.
    package func deletion(of payload: Payload) -> (deleted: [String], kept: String?) {
        let deletable = deletable(in: payload.layout)
        let all =
            payload.layout.files.indices.lazy.filter { payload.isInPlace($0) }.map { PayloadFile.entry($0) } + [.parts]
        var removal = Removal()
        removal.kept = all.filter { file in
            guard deletable[file] == nil else { return false }
            if unproven[file] != nil || own[file] != nil || edited[file] != nil { return true }
            if case .entry(let index) = file { return shared[index] != nil || claimedByOthers[index] != nil }
            return false
        }
        return (all.filter { deletable[$0] != nil }.map { payload.path(of: $0) }, removal.keptText(payload, self))
    }

    /// Determines who owns the files of a torrent that no engine works on.
    package static func look(at payload: Payload, of id: TorrentID, _ connection: Connection, _ disk: Disk) async throws
        -> Custody
    {
        let found = try await disk.fingerprints(payload)
        let records = try connection.custodyRecords(of: id, found: found, in: payload)
        let last = try connection.runs.last()
        let alive = last.map { ($0.stoppedAt ?? $0.heartbeatAt).rawValue * 1_000_000_000 }
        return await Custody(of: id, found, records, on: disk, aliveUntilNs: alive)
    }
}
