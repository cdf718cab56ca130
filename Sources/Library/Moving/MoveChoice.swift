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
}

extension Library {
    /// The torrents, each with the folder to which it moves. The torrents of a volume keep their folders below its
    /// mount point.
    func targets(_ choice: MoveChoice, in folder: String) throws -> [(torrent: TorrentRow, folder: String)] {
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
