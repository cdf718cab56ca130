import SystemPackage
import Torrent

/// The .torrent files of a folder, by info hash.
struct TorrentFolder {
    private var paths: [InfoHash: FilePath] = [:]

    init(_ folder: FilePath) throws {
        for name in try ContentScan.entries(folder) where name.hasSuffix(".torrent") {
            let path = folder.appending(name: name)
            do { paths[try Metainfo(torrentFile: try TorrentSource.contents(of: path.text)).infoHash] = path } catch {
                // A file that isn't a .torrent can't be looked for.
                continue
            }
        }
    }

    func file(of hash: InfoHash) throws -> [UInt8]? { try paths[hash].map { try TorrentSource.contents(of: $0.text) } }
}
