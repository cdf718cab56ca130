import Disk
package import Store
import System
import SystemPackage
import Torrent
import Verification

/// The volumes on which payloads are.
extension Library {
    /// The longest that a volume may take to answer. A server that is away never does.
    private static let patience = Duration.seconds(5)
    private static let longestName = 64

    /// What the user changes about a volume; what is `nil` stays as it is.
    package struct VolumeChange: Sendable {
        package enum Name: Sendable, Hashable { case unnamed, named(String) }
        package enum Reserve: Sendable, Hashable { case standard, bytes(Int64) }

        package var name: Name?
        package var reserve: Reserve?
        /// Whether the volume gets a sentinel, or loses it.
        package var isMarked: Bool?

        package init() {}

        package var isEmpty: Bool { name == nil && reserve == nil && isMarked == nil }
    }

    /// The volumes, or those that are named. `reserve` is that of volumes without one of their own.
    package func volumes(_ names: [String] = [], reserve: Int64) async throws -> [VolumeReport] {
        let rows = try names.isEmpty ? connection.volumes.rows() : names.map { try volume($0) }
        let tallies = Dictionary(try connection.volumes.tallies().map { ($0.volume, $0) }) { first, _ in first }
        let damage = Dictionary(try connection.damage.sums().map { ($0.volume, $0) }) { first, _ in first }
        let disk = try Disk()
        let places = await withTaskGroup(of: (VolumeID, VolumeState, VolumeSpace?).self) { group in
            for row in rows {
                group.addTask {
                    let (state, space) = await Self.look(at: row, disk)
                    return (row.id, state, space)
                }
            }
            var places: [VolumeID: (VolumeState, VolumeSpace?)] = [:]
            for await (id, state, space) in group { places[id] = (state, space) }
            return places
        }
        return rows.map { row in
            let (state, space) = places[row.id] ?? (.silent, nil)
            let twins = state.isOnline ? Volume.holding(FilePath(text: row.mountPath))?.twins ?? [] : []
            return VolumeReport(
                row: row, state: state, space: space, tally: tallies[row.id], damage: damage[row.id],
                reserve: row.reserveBytes ?? reserve,
                twins: row.sentinel == nil ? twins : [])
        }
    }

    private static func look(at row: VolumeRow, _ disk: Disk) async -> (VolumeState, VolumeSpace?) {
        let late: (VolumeState, VolumeSpace?) = (.silent, nil)
        return await Patience.answer(within: patience, or: late) {
            await disk.state(of: row.known, at: row.mountPath)
        }
    }

    /// The volume of this number, name, mount point or UUID, or the one on which the folder is.
    package func volume(_ name: String) throws -> VolumeRow {
        let rows = try connection.volumes.rows()
        if let number = Quantity.digits(name), let row = rows.first(where: { $0.id.rawValue == number }) { return row }
        if let row = rows.first(where: { $0.name.map { PathText.isSame($0, name) } ?? false }) { return row }
        let path = name.utf8.count > 1 && name.hasSuffix("/") ? String(name.dropLast()) : name
        if let row = rows.first(where: { PathText.isSame($0.mountPath, path) }) { return row }
        let alike = rows.filter { $0.identity.split(separator: " ").last.map { $0 == name } ?? false }
        if alike.count == 1 { return alike[0] }
        if let found = Volume.holding(FilePath(text: name)),
            let row = try connection.volumes.match(VolumeSighting(found))
        {
            return row
        }
        throw Failure.usage("there is no volume “\(name.printable)”: `pieces volumes` lists those that torrents are on")
    }

    /// The volume that the user changes. One that no torrent is on yet is recorded if the name is its mount point, so
    /// that it has a name and a reserve before the first download.
    package func volumeToChange(_ name: String) throws -> VolumeRow {
        do { return try volume(name) } catch let failure as Failure {
            guard let path = PathCalls.resolved(FilePath(text: name)), let found = Volume.holding(path),
                PathText.isSame(found.mountPath, path.text)
            else { throw failure }
            let id = try connection.volumes.save(VolumeSighting(found), now: .now())
            guard let row = try connection.volumes.row(id) else { throw failure }
            return row
        }
    }

    /// Changes what the user sets for a volume.
    package func change(_ name: String, _ change: VolumeChange) throws {
        let row = try volume(name)
        if case .named(let name) = change.name { try Self.check(name) }
        if let isMarked = change.isMarked { try isMarked ? mark(row) : unmark(row) }
        do throws(StoreError) {
            switch change.name {
            case .named(let name): try connection.volumes.setName(row.id, name)
            case .unnamed: try connection.volumes.setName(row.id, nil)
            case nil: break
            }
            switch change.reserve {
            case .bytes(let bytes): try connection.volumes.setReserve(row.id, bytes)
            case .standard: try connection.volumes.setReserve(row.id, nil)
            case nil: break
            }
        } catch  where error.code == .alreadyPresent {
            throw Failure.usage(error.message)
        }
    }

    /// Forgets a volume without torrents.
    package func forgetVolume(_ name: String) throws -> VolumeRow {
        let row = try volume(name)
        let count = try connection.volumes.torrents(on: row.id).count
        guard count == 0 else {
            throw Failure(
                "\(row.title.printable) was not forgotten: \(Format.count(count, "torrent")) \(count == 1 ? "is" : "are") on it; "
                    + "move or remove \(count == 1 ? "it" : "them") first")
        }
        try connection.volumes.remove(row.id)
        return row
    }

    private static func check(_ name: String) throws(Failure) {
        let isPlain = name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control && $0 != "/" }
        guard isPlain, !name.isEmpty, name.count <= longestName, Quantity.digits(name) == nil,
            name.contains(where: { !$0.isWhitespace })
        else {
            throw .usage(
                "“\(name.printable)” can't be the name of a volume: give at most \(longestName) characters without slashes, and not only digits"
            )
        }
    }

    // MARK: The sentinel

    /// Writes a sentinel, unless the volume has its own already. The file is there before the database knows it.
    private func mark(_ row: VolumeRow) throws {
        let path = FilePath(text: row.mountPath)
        let state = VolumeState.look(for: row.known, at: row.mountPath)
        guard state.isOnline, let found = Volume.holding(path) else {
            throw Failure(
                "\(row.title.printable) was not marked: it \(state.clause(at: row.mountPath).printable)")
        }
        var number = found.sentinel
        // The sentinel of a clone is a copy.
        let isUsed = try connection.volumes.rows().contains { $0.id != row.id && $0.sentinel == number }
        if number == nil || isUsed || (!found.twins.isEmpty && row.sentinel != number) {
            do throws(DiskError) { number = try VolumeSentinel.write(at: path) } catch {
                throw Failure("\(row.title.printable) was not marked: \(error)")
            }
        }
        try connection.volumes.setSentinel(row.id, number)
    }

    private func unmark(_ row: VolumeRow) throws {
        let path = FilePath(text: row.mountPath)
        guard let sentinel = row.sentinel else { return }
        try connection.volumes.setSentinel(row.id, nil)
        // What is at the mount point may be another volume.
        guard VolumeSentinel.read(at: path) == sentinel else { return }
        do throws(DiskError) { try VolumeSentinel.remove(at: path) } catch {
            throw Failure("the mark of \(row.title.printable) was not removed: \(error)")
        }
    }
}
