import Disk
import Store
import System
import SystemPackage
import Torrent

/// Which torrents a move is about.
package enum MoveChoice: Sendable {
    case torrents(TorrentChoice)
    /// All torrents on the volume.
    case volume(String)

    /// Whether the user named a torrent, and no other is chosen: that it needn't move is an error then.
    func isOfOne(_ count: Int) -> Bool {
        if count == 1, case .torrents(.named) = self { true } else { false }
    }
}

extension Library {
    /// The torrents, each with the folder to which it moves. The torrents of a volume keep their folders below its
    /// mount point.
    func targets(_ choice: MoveChoice, in folder: String) throws -> [(torrent: TorrentRow, folder: String)] {
        try requireFolder(folder)
        let target = try NewFile.absolute(folder).text
        switch choice {
        case .torrents(let choice): return try connection.findTorrents(choice).map { ($0, target) }
        case .volume(let name):
            let volume = try volume(name)
            let torrents = try connection.volumes.torrents(on: volume.id)
            guard !torrents.isEmpty else { throw Failure("no torrent is on the volume \(volume.title.printable)") }
            return torrents.map { torrent in
                (torrent, Self.moved(torrent.output, from: volume.mountPath, to: target))
            }
        }
    }

    /// Throws if the folder's name is the number of a torrent and there is no such folder: the folder was forgotten.
    private func requireFolder(_ name: String) throws {
        guard let number = Quantity.digits(name), !PathCalls.exists(FilePath(text: name)),
            try connection.torrents.row(TorrentID(rawValue: number)) != nil
        else { return }
        throw Failure.usage(
            "“\(name)” is the number of a torrent, and there is no folder of that name: give the folder last, "
                + "`./\(name)` if it is to be called that")
    }

    /// The same folder below another mount point; the mount point itself if the folder isn't below the old one.
    private static func moved(_ output: String, from mountPath: String, to target: String) -> String {
        let old = (PathCalls.resolved(FilePath(text: output)) ?? FilePath(text: output)).text
        let root = mountPath == "/" ? "" : mountPath
        guard old.utf8.starts(with: (root + "/").utf8) else { return target }
        return FilePath(text: target).appending(
            name: String(decoding: old.utf8.dropFirst(root.utf8.count + 1), as: UTF8.self)
        ).text
    }
}
