import Disk
import Store
import System
import SystemPackage
import Torrent
import Verification

/// Looks for payload that was moved by hand, in one walk through a folder for all torrents: a whole volume if need be.
///
/// A file is a hint if it has the name and the size of a recorded one, below a folder that may be the torrent's. The
/// folder with the most hints wins; those with the recorded times count first, because such files are the recorded
/// ones, or copies that kept the times. Nothing is claimed here: what differs from its fingerprint is hashed later.
struct FoundSearch {
    /// The most files of a torrent that are looked for: a few large ones are enough to find the folder.
    private static let clues = 16
    /// The most folders that are remembered for a torrent.
    private static let mostPlaces = 64

    /// Where a torrent's files may be.
    struct Place: Comparable {
        let folder: String
        /// Files with the recorded size and time.
        var unchanged = 0
        /// Files with the recorded size.
        var alike = 0

        /// The better one is greater; of two that are as good, the one with the shorter path.
        static func < (a: Place, b: Place) -> Bool {
            if a.unchanged != b.unchanged { return a.unchanged < b.unchanged }
            if a.alike != b.alike { return a.alike < b.alike }
            if a.folder.utf8.count != b.folder.utf8.count { return a.folder.utf8.count > b.folder.utf8.count }
            return a.folder > b.folder
        }

        func isAsGood(as other: Place) -> Bool { unchanged == other.unchanged && alike == other.alike }
    }

    private struct Clue {
        let torrent: TorrentID
        let components: [String]
        let modifiedNs: Int64
    }

    private struct Key: Hashable {
        let name: FileName
        let size: Int64
    }

    private var wanted: [Key: [Clue]] = [:]
    private var places: [TorrentID: [String: Place]] = [:]

    /// Looks for this torrent too.
    mutating func add(_ torrent: StoredTorrent) {
        let files = torrent.metainfo.layout.files
        let recorded = torrent.fingerprints.filter { files.indices.contains($0.index) && $0.print.size > 0 }
        for print in recorded.sorted(by: { $0.print.size > $1.print.size }).prefix(Self.clues) {
            let path = files[print.index].path
            guard let name = path.last else { continue }
            wanted[Key(name: FileName(name), size: print.print.size), default: []].append(
                Clue(torrent: torrent.row.id, components: path, modifiedNs: print.print.mtimeNs))
        }
    }

    var isEmpty: Bool { wanted.isEmpty }

    /// Walks through the folder and everything below it on its volume. Links aren't followed, and folders that can't be
    /// read are skipped.
    mutating func walk(_ root: FilePath, stop: VerificationStop) {
        let mounts = Set(MountTable(KernelText.read("/proc/self/mountinfo") ?? "").mounts.map { FileName($0.path) })
        var folders = [PathCalls.resolved(root) ?? root]
        while let folder = folders.popLast(), !stop.isRequested {
            let names: [[UInt8]]
            do { names = try PathCalls.names(in: folder) } catch { continue }
            for bytes in names {
                let name = PathText.text(bytes)
                let path = folder.appending(name: name)
                let status: PathStatus
                do { status = try PathCalls.status(path, followingLinks: false) } catch { continue }
                switch status.kind {
                case .folder: if !mounts.contains(FileName(path.text)) { folders.append(path) }
                case .file: note(path, name, status)
                case .link, .other: break
                }
            }
        }
    }

    private mutating func note(_ path: FilePath, _ name: String, _ status: PathStatus) {
        guard let clues = wanted[Key(name: FileName(name), size: status.size)] else { return }
        for clue in clues {
            guard let folder = Self.folder(of: path, below: clue.components) else { continue }
            var known = places[clue.torrent] ?? [:]
            guard known[folder] != nil || known.count < Self.mostPlaces else { continue }
            var place = known[folder] ?? Place(folder: folder)
            if clue.modifiedNs == status.modifiedNs { place.unchanged += 1 } else { place.alike += 1 }
            known[folder] = place
            places[clue.torrent] = known
        }
    }

    /// The output folder in which the file would have this path; `nil` if its folders have other names.
    private static func folder(of path: FilePath, below components: [String]) -> String? {
        var folder = path
        for component in components.reversed() {
            guard let name = folder.lastComponent, PathText.isSame(name.text, component) else {
                return nil
            }
            folder.removeLastComponent()
        }
        return folder.text
    }

    /// The best place for the torrent, and how many others are as good; `nil` if nothing was found.
    func best(_ id: TorrentID) -> (place: Place, others: Int)? {
        guard let known = places[id]?.values, let best = known.max() else { return nil }
        return (best, known.count { $0.isAsGood(as: best) } - 1)
    }
}
