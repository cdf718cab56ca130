import Disk
import Engine
import Store
import SystemPackage
import Torrent
import Verification

/// Which files of a torrent move to another folder. Making the plan changes nothing, and throws if the move isn't
/// possible.
struct MovePlan {
    /// The most files named in a sentence.
    private static let namedFiles = 3

    private(set) var files: [MoveFileRow] = []
    /// One sentence for each thing that the user should know.
    private(set) var notes: [String] = []
    /// `nil` if nothing is copied.
    private(set) var copy: Copy?

    /// What a copy needs, and the space where it goes.
    struct Copy {
        let device: UInt64
        let bytes: Int64
        let freeBytes: Int64
        let reserve: Int64

        var usableBytes: Int64 { freeBytes - reserve }
        var words: String {
            "only \(Format.bytes(freeBytes)) free"
                + (reserve > 0 ? ", \(Format.bytes(reserve)) of that in reserve" : "")
        }
    }

    /// `reserve` stays free on a volume without a reserve of its own. Unless `requiresSpace`, ``copy`` may be larger
    /// than what is free.
    init(
        _ torrent: TorrentRow, to target: String, _ connection: Connection, _ disk: Disk, reserve: Int64,
        requiresSpace: Bool = true
    ) async throws {
        let stored = try StoredTorrent(torrent, connection)
        let name = torrent.name.printable
        try Self.requireRoom(in: target, stored, connection)
        try await Self.requireVolume(of: target, connection, disk, name)
        let look = await stored.look(disk)
        switch look.reach {
        case .folderAway, .anotherDisk:
            throw Failure(
                "\(name) can't be moved: \((look.reason ?? "its files can't be reached").printable); if you moved its files "
                    + "by hand, `pieces move \(torrent.id) \(target.printable) --found` looks for them there")
        case .notBegun: return
        case .reachable: break
        }
        try Self.requireUnprotected(torrent, look.payload)
        let custody = try await Custody.look(at: look.payload, of: torrent.id, connection, disk)
        try Self.requireWhole(stored, look)
        files = Self.files(custody, stored, look)
        let foreign = custody.unproven.keys.filter { file in !files.contains { $0.before.index == file.index } }
            .map { look.payload.path(of: $0).printable }.sorted()
        if !foreign.isEmpty {
            guard !files.isEmpty else {
                throw Failure(
                    "\(name) can't be moved: no piece of it was found yet in \(Self.list(foreign)): `pieces verify \(torrent.id)` "
                        + "checks what is there")
            }
            notes.append(
                "\(Self.list(foreign)) \(foreign.count == 1 ? "stays" : "stay"): not downloaded by \(name), and no piece of it matches"
            )
        }
        let move = PayloadMove(
            from: look.payload, to: look.payload.moved(to: FilePath(text: target)),
            allocatesFull: torrent.settings.allocatesFull)
        do {
            let survey = try await disk.survey(move, files.map { MovedFile($0) })
            if survey.isOtherFileSystem {
                let volume = try await disk.space(at: FilePath(text: target)).volume.map { VolumeSighting($0) }
                let own = try volume.flatMap { try connection.volumes.match($0)?.reserveBytes }
                copy = Copy(
                    device: survey.targetDevice, bytes: survey.occupied, freeBytes: survey.freeBytes,
                    reserve: own ?? reserve)
            }
            try Self.require(survey, torrent, move, requiresSpace ? copy : nil)
        } catch let error as DiskError {
            throw Failure("\(name) was not moved: \(error.fact.printable)")
        }
    }

    /// The target must be free of other torrents, and not in the torrent's own folder.
    private static func requireRoom(in target: String, _ stored: StoredTorrent, _ connection: Connection) throws {
        let name = stored.row.name.printable
        let conflicts = try PathConflicts(connection, output: target)
        let own = try PathConflicts(connection, output: stored.row.output)
        let (new, old) = (conflicts.resolvedOutput ?? target, own.resolvedOutput ?? stored.row.output)
        guard !PathText.isSame(new, old) else {
            throw Failure.usage("\(name) is already in \(target.printable): give another folder")
        }
        let root = NewTorrent.root(named: stored.metainfo.name, in: old)
        guard !PathText.isSame(new, root), !new.utf8.starts(with: (root + "/").utf8) else {
            throw Failure.usage("\(target.printable) is in the folder of \(name) itself: give one outside of it")
        }
        if let reason = try conflicts.refusal(
            of: stored.metainfo, wanted: stored.selection.wanted, moved: stored.row.id)
        {
            throw Failure(reason)
        }
    }

    /// A recorded file that is gone would no longer be found out after the move.
    private static func requireWhole(_ stored: StoredTorrent, _ look: PayloadLook) throws {
        let gone = stored.fingerprints.map { PayloadFile(index: $0.index) }.filter { file in
            look.files[file] == nil && (file != .parts || look.payload.placement.contains(.part))
        }
        guard !gone.isEmpty else { return }
        let names = gone.map { look.payload.path(of: $0).printable }.sorted()
        throw Failure(
            "\(stored.row.name.printable) can't be moved: \(list(names)) \(gone.count == 1 ? "is" : "are") missing: "
                + "`pieces verify \(stored.row.id)` finds out what is lost; if you moved \(gone.count == 1 ? "it" : "them") by hand, use --found"
        )
    }

    static func files(_ custody: Custody, _ stored: StoredTorrent, _ look: PayloadLook) -> [MoveFileRow] {
        let layout = stored.metainfo.layout
        var moved: [PayloadFile: Bool] = [:]
        for file in custody.own.merging(custody.linked, uniquingKeysWith: { own, _ in own }).keys {
            if case .entry(let index) = file {
                moved[file] = custody.claimedByOthers[index] != nil
            } else {
                moved[file] = false
            }
        }
        for file in custody.edited.keys { moved[file] = false }
        for index in custody.shared.keys { moved[.entry(index)] = true }
        // An empty file proves nothing and holds nothing, so it goes with the others.
        for file in custody.empty {
            if case .entry(let index) = file, layout.files[index].isEmpty, !moved.isEmpty { moved[file] = false }
        }
        return moved.compactMap { file, stays in
            look.files[file].map { MoveFileRow(before: FingerprintRow($0), stays: stays) }
        }.sorted { $0.before.index < $1.before.index }
    }

    private static func requireUnprotected(_ torrent: TorrentRow, _ payload: Payload) throws {
        let name = torrent.name.printable
        switch payload.protection {
        case .byUser:
            throw Failure(
                "\(name) can't be moved: it is read-only; `pieces limit \(torrent.id) --read-only off` allows it")
        case .byStorage:
            throw Failure(
                "\(name) can't be moved: \(torrent.output.printable) is on a file system that is mounted read-only, so that its "
                    + "old files could not be removed; mount it writable, or copy the files yourself and use --found")
        case nil: return
        }
    }

    /// A folder that belongs on a volume isn't made below its mount point while the volume is away.
    private static func requireVolume(
        of target: String, _ connection: Connection, _ disk: Disk, _ name: String
    ) async throws {
        guard let (volume, state) = await disk.absent(try connection.volumes.above(target)) else { return }
        throw Failure(
            "\(name) was not moved: \(target.printable) belongs on the volume \(volume.title.printable), which "
                + "\(state.clause(at: volume.mountPath).printable): mount it first")
    }

    private static func require(
        _ survey: MoveSurvey, _ torrent: TorrentRow, _ move: PayloadMove, _ copy: Copy?
    ) throws {
        let (name, target) = (torrent.name.printable, move.target.root.text.printable)
        guard !survey.isSameFolder else {
            throw Failure.usage("\(name) is already in \(target), under another name: give another folder")
        }
        guard survey.taken.isEmpty else {
            let taken = survey.taken.map { move.target.path(of: $0).printable }.sorted()
            throw Failure(
                "\(name) was not moved: \(list(taken)) \(taken.count == 1 ? "exists" : "exist") already: move "
                    + "\(taken.count == 1 ? "it" : "them") away or choose another folder; if these are the files of "
                    + "\(name) itself, use --found")
        }
        guard survey.isWritable else {
            throw Failure(
                "\(name) was not moved: this user can't write to \(target): give it access, or choose another folder")
        }
        if let copy, copy.bytes > copy.usableBytes {
            throw Failure(
                "\(name) was not moved: it has \(Format.bytes(copy.bytes)), and \(target) has \(copy.words)")
        }
    }

    private static func list(_ names: [String]) -> String {
        let rest = names.count > namedFiles ? " and \(Format.count(names.count - namedFiles, "other file"))" : ""
        return names.prefix(namedFiles).joined(separator: ", ") + rest
    }
}
