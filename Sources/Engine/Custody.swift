import Disk
import Store
import Swarm
import SystemPackage
import Torrent
import Verification

/// Whose the files are that lie at a torrent's paths.
///
/// A file is the torrent's own if the torrent created it, or if one of its pieces matched in it. A file that another
/// torrent of the database holds is shared: that torrent writes it, and this one reads. Every other file is the user's,
/// and is neither written to nor deleted.
package struct Custody: Sendable, Equatable {
    /// A file that another torrent writes.
    package struct Shared: Sendable, Hashable {
        package let holder: FileHolder
        /// The file as it was looked at: when the holder has written more, it is to be looked at again.
        package let print: Fingerprint
    }

    /// The files that the torrent may write to and delete.
    package var own: [PayloadFile: FileIdentity] = [:]
    /// Files of which nothing shows yet that they are the torrent's.
    package var unproven: [PayloadFile: FileIdentity] = [:]
    /// Those of them that have no bytes.
    package var empty: Set<PayloadFile> = []
    package var shared: [Int: Shared] = [:]
    /// Own files that other torrents claim too: they may be written to, and not deleted.
    package var claimedByOthers: [Int: FileHolder] = [:]
    /// Files that are the same file as another one of this torrent, because the file system doesn't tell their names
    /// apart.
    package var twins: [Int: Int] = [:]
    /// Those of them that were recorded, as two links to one file: both names go when the data is deleted.
    package var linked: [PayloadFile: FileIdentity] = [:]
    /// The files that the database knows the torrent to have created, or to be about to.
    package var announced: Set<Int> = []
    /// Whether the user's leave to use what is there still counts.
    package var hasLeave = false

    package init() {}

    /// Whether the file is shared and its holder has written to it since it was recorded: every piece in it is worth
    /// another look.
    func isNewsOfShared(_ index: Int, _ recorded: FingerprintRow?) -> Bool {
        guard let shared = shared[index], let recorded else { return false }
        return FingerprintRow(shared.print) != recorded
    }

    /// The files that go with the torrent when its data is deleted. An empty file proves nothing and holds nothing:
    /// where the torrent has an empty file, it goes with the others.
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

    /// What stands in the way of writing; when it is another than before, the torrent has to be looked at again.
    var obstacles: [PayloadFile: FileIdentity] {
        unproven.merging(shared.map { (.entry($0), $1.print.identity) }) { first, _ in first }
    }
}

/// What the database says of the files that were found.
package struct CustodyRecords: Sendable {
    let recorded: [Int: FingerprintRow]
    let ownership: [Int: OwnershipRow]
    let mayOverwrite: Bool
    /// Files of other torrents that were recorded with the same inode, by the file's index.
    let candidates: [Int: [FileHolder]]

    /// Whether the file was recorded as it is.
    func knows(_ print: Fingerprint) -> Bool {
        recorded[print.file.index]?.isSameFile(as: FingerprintRow(print)) ?? false
    }
}

extension Connection {
    /// `found` are the files at the torrent's paths.
    package func custodyRecords(of id: TorrentID, found: [Fingerprint]) throws(StoreError) -> CustodyRecords {
        try transaction(.deferred) { () throws(StoreError) in
            var candidates: [Int: [FileHolder]] = [:]
            for print in found {
                guard case .entry(let index) = print.file else { continue }
                let holders = try holders(ofInode: Int64(bitPattern: print.inode), besides: id)
                if !holders.isEmpty { candidates[index] = holders }
            }
            return CustodyRecords(
                recorded: Dictionary(try fingerprints(of: id).map { ($0.index, $0) }) { _, last in last },
                ownership: Dictionary(try ownership(of: id).map { ($0.index, $0) }) { _, last in last },
                mayOverwrite: try mayOverwrite(id), candidates: candidates)
        }
    }
}

extension Custody {
    /// Judges each of the files that were found.
    ///
    /// `aliveUntilNs` is until when a run of ours may have created one, in Unix nanoseconds: a file that the torrent
    /// was about to create and that somebody touched later is not its own.
    package init(
        of id: TorrentID, _ found: [Fingerprint], _ records: CustodyRecords, on disk: Disk, aliveUntilNs: Int64?
    ) async {
        announced = Set(records.ownership.values.lazy.filter(\.isMade).map(\.index))
        hasLeave = records.mayOverwrite
        // Of two entries that are one file the recorded one counts, else the first.
        var first: [FileIdentity: PayloadFile] = [:]
        for print in found.sorted(by: { records.knows($0) && !records.knows($1) }) where first[print.identity] == nil {
            first[print.identity] = print.file
        }
        for print in found {
            if case .entry(let index) = print.file, case .entry(let twin)? = first[print.identity], twin != index {
                twins[index] = twin
                if records.knows(print) { linked[print.file] = print.identity }
                continue
            }
            let index = print.file.index
            let recorded = records.knows(print)
            let ownership = records.ownership[index]
            var holder: FileHolder?
            for candidate in records.candidates[index] ?? [] where holder == nil {
                guard await disk.identity(at: FilePath(text: candidate.output + "/" + candidate.path)) == print.identity
                else { continue }
                claimedByOthers[index] = candidate
                // Of two that both recorded it as their own, the older torrent is the holder.
                let isOurs = recorded && ownership?.isShared != true && id < candidate.torrent
                if !candidate.isShared, !isOurs { holder = candidate }
            }
            if let holder, case .entry(let file) = print.file {
                shared[file] = Shared(holder: holder, print: print)
            } else if recorded || records.mayOverwrite
                || isLeftOver(print, ownership, records.recorded[index], aliveUntilNs)
            {
                own[print.file] = print.identity
            } else {
                unproven[print.file] = print.identity
                if print.size == 0 { empty.insert(print.file) }
            }
        }
    }

    /// Whether an interrupted run of ours left the file before it could record it.
    private func isLeftOver(
        _ print: Fingerprint, _ ownership: OwnershipRow?, _ recorded: FingerprintRow?, _ aliveUntilNs: Int64?
    ) -> Bool {
        guard recorded == nil, let ownership, ownership.isMade, let alive = aliveUntilNs else { return false }
        let (latest, overflow) = alive.addingReportingOverflow(ResumePlan.graceNs)
        return overflow || print.changed <= latest
    }
}

extension Removal {
    /// Files that are named in a message.
    private static let namedFiles = 3

    /// What was left on the disk and why, in one sentence; `nil` when nothing was.
    fileprivate func keptText(_ payload: Payload, _ custody: Custody) -> String? {
        guard !kept.isEmpty else { return nil }
        let reasons = kept.prefix(Self.namedFiles).map { file -> String in
            let path = payload.path(of: file)
            if case .entry(let index) = file,
                let holder = custody.shared[index]?.holder ?? custody.claimedByOthers[index]
            {
                return "\(path) is also a file of torrent \(holder.torrent) (\(holder.name))"
            }
            return "\(path) was not downloaded by this torrent, and none of its pieces match"
        }
        let rest = kept.count > Self.namedFiles ? "; and \(kept.count - Self.namedFiles) more" : ""
        return "kept \(kept.count) \(kept.count == 1 ? "file" : "files"): \(reasons.joined(separator: "; "))\(rest)"
    }
}

extension Custody {
    /// Deletes the torrent's own files; `kept` says what was left on the disk and why, in one sentence.
    package func deleteData(of payload: Payload, on disk: Disk) async throws(DiskError) -> (
        removal: Removal, kept: String?
    ) {
        let removal = try await disk.removeData(payload, own: deletable(in: payload.layout))
        return (removal, removal.keptText(payload, self))
    }

    /// Whose the files are of a torrent that no engine has in its hands.
    package static func look(at payload: Payload, of id: TorrentID, _ connection: Connection, _ disk: Disk) async throws
        -> Custody
    {
        let found = try await disk.fingerprints(payload)
        let records = try connection.custodyRecords(of: id, found: found)
        let last = try connection.lastRun()
        let alive = last.map { ($0.stoppedAt ?? $0.heartbeatAt).rawValue * 1_000_000_000 }
        return await Custody(of: id, found, records, on: disk, aliveUntilNs: alive)
    }
}
