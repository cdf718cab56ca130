import Disk
import Engine
import Store
import SystemPackage
import Torrent
import Verification

/// Which files of a torrent get other names on the disk. Making the plan changes nothing, and throws if the files can't
/// have these names.
struct RenamePlan {
    /// The most files named in a sentence.
    private static let namedFiles = 3

    private(set) var files: [MoveFileRow] = []
    /// One sentence for each thing that the user should know.
    private(set) var notes: [String] = []

    init(_ torrent: TorrentRow, _ renames: Renames, _ connection: Connection, _ disk: Disk) async throws {
        let stored = try StoredTorrent(torrent, connection)
        let name = torrent.name.printable
        let metainfo: Metainfo
        do throws(RenameError) { metainfo = try stored.metainfo.renamed(renames) } catch {
            throw Failure.usage("\(name) was not renamed: \(error)")
        }
        let changed = Self.changed(stored.metainfo, metainfo)
        guard !changed.isEmpty else { throw Failure.usage("\(name): the files have these names already") }
        try Self.requireOtherPaths(stored.metainfo, metainfo, changed)
        let conflicts = try PathConflicts(
            connection, output: torrent.output, advice: { "choose another name, or remove torrent \($0) first" })
        if let reason = try conflicts.refusal(of: metainfo, wanted: stored.selection.wanted, moved: torrent.id) {
            throw Failure(reason)
        }
        let shared = try conflicts.sharing(of: metainfo, wanted: stored.selection.wanted, besides: torrent.id)
        if let note = Self.note(shared, stored.metainfo, metainfo, changed, output: torrent.output) {
            notes.append(note)
        }
        let look = await stored.look(disk)
        switch look.reach {
        case .folderAway, .anotherDisk:
            throw Failure(
                "\(name) can't be renamed: \((look.reason ?? "its files can't be reached").printable)")
        case .notBegun: return
        case .reachable: break
        }
        guard look.payload.protection == nil else {
            throw Failure(
                "\(name) can't be renamed: "
                    + (look.payload.protection == .byUser
                        ? "it is read-only; `pieces limit \(torrent.id) --read-only off` allows it"
                        : "its file system is mounted read-only"))
        }
        try await plan(stored, look, metainfo, changed, shared, connection, disk)
    }

    /// The folder of other torrents that files come into; `nil` if there is none.
    private static func note(
        _ shared: [PathConflicts.Sharing], _ before: Metainfo, _ after: Metainfo, _ changed: [Int], output: String
    ) -> String? {
        let new = Set(changed.flatMap { folders(above: after.layout.files[$0].path) }).subtracting(
            before.layout.files.flatMap { folders(above: $0.path) })
        let common = shared.map { (other: $0.other, folders: $0.folders.intersection(new)) }.filter {
            !$0.folders.isEmpty
        }
        guard let first = common.first,
            let folder = first.folders.min(by: { $0.text.utf8.count < $1.text.utf8.count })
        else { return nil }
        let more = common.count > 1 ? " and of \(Format.count(common.count - 1, "other torrent"))" : ""
        return "\(NewTorrent.root(named: folder.text, in: output).printable) is also a folder of torrent "
            + "\(first.other.id) (\(first.other.name.printable))\(more)"
    }

    private static func folders(above path: [String]) -> [FileName] {
        (1..<max(1, path.count)).map { FileName(path.prefix($0).joined(separator: "/")) }
    }

    /// The files whose paths differ, without padding.
    static func changed(_ before: Metainfo, _ after: Metainfo) -> [Int] {
        zip(before.layout.files, after.layout.files).compactMap { old, new in
            old.isPad || PathText.isSame(old.displayPath, new.displayPath) ? nil : old.index
        }
    }

    /// A new path must not lead through a name that another file has until then: files get their new names one by one,
    /// while they keep the old ones.
    private static func requireOtherPaths(_ before: Metainfo, _ after: Metainfo, _ changed: [Int]) throws {
        let old = Set(before.layout.files.lazy.filter { !$0.isPad }.map { FileName($0.displayPath) })
        for index in changed {
            var path = after.layout.files[index].path
            while !path.isEmpty {
                let text = path.joined(separator: "/")
                guard !old.contains(FileName(text)) else {
                    throw Failure.usage(
                        "\(text.printable) is the present name of a file: give that one another name first")
                }
                path.removeLast()
            }
        }
    }

    private mutating func plan(
        _ stored: StoredTorrent, _ look: PayloadLook, _ metainfo: Metainfo, _ changed: [Int],
        _ shared: [PathConflicts.Sharing], _ connection: Connection, _ disk: Disk
    ) async throws {
        let name = stored.row.name.printable
        let isChanged = Set(changed)
        let gone = stored.fingerprints.map(\.index).filter { isChanged.contains($0) && look.files[.entry($0)] == nil }
        guard gone.isEmpty else {
            let names = gone.map { look.payload.path(of: .entry($0)).printable }
            throw Failure(
                "\(name) can't be renamed: \(Self.list(names)) \(gone.count == 1 ? "is" : "are") missing: "
                    + "`pieces verify \(stored.row.id)` finds out what is lost")
        }
        let custody = try await Custody.look(at: look.payload, of: stored.row.id, connection, disk)
        files = MovePlan.files(custody, stored, look).filter { isChanged.contains($0.before.index) }
        let foreign = custody.unproven.keys.filter { file in
            isChanged.contains(file.index) && !files.contains { $0.before.index == file.index }
        }.map { look.payload.path(of: $0).printable }.sorted()
        guard foreign.isEmpty else {
            throw Failure(
                "\(name) can't be renamed: no piece of it was found yet in \(Self.list(foreign)): "
                    + "`pieces verify \(stored.row.id)` checks what is there")
        }
        let move = PayloadMove(
            from: look.payload, to: look.payload.renamed(to: metainfo.layout),
            allocatesFull: stored.row.settings.allocatesFull)
        let places = changed.filter { look.payload.isInPlace($0) }.map { PayloadFile.entry($0) }
        let taken: [PayloadFile]
        do { taken = try await disk.takenNames(of: places, move) } catch {
            throw Failure("\(name) was not renamed: \(error.fact.printable)")
        }
        let common = shared.compactMap { sharing in
            taken.first { sharing.files.contains($0.index) }.map { (other: sharing.other, file: $0) }
        }
        if let (other, file) = common.first {
            throw Failure(
                "\(name) was not renamed: \(move.target.path(of: file).printable) is also a file of torrent \(other.id) "
                    + "(\(other.name.printable)); choose another name, or remove torrent \(other.id) first")
        }
        guard taken.isEmpty else {
            let names = taken.map { move.target.path(of: $0).printable }.sorted()
            throw Failure(
                "\(name) was not renamed: \(Self.list(names)) \(names.count == 1 ? "exists" : "exist") already: move "
                    + "\(names.count == 1 ? "it" : "them") away or choose another name")
        }
    }

    private static func list(_ names: [String]) -> String {
        let rest = names.count > namedFiles ? " and \(Format.count(names.count - namedFiles, "other file"))" : ""
        return names.prefix(namedFiles).joined(separator: ", ") + rest
    }
}
