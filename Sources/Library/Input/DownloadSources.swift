import Store
import System
import SystemPackage
package import Torrent
import Verification

/// What the user gave to download: .torrent files, URLs, magnet links, and torrents that the database knows.
package struct DownloadSources {
    package let sources: [TorrentSource]
    /// Numbers, hash prefixes, names or globs. Whether they match is known only when the database was read.
    package let names: [String]

    /// A .torrent file of that name wins over a torrent of that name. Without a database, everything is a file, a URL
    /// or a magnet link.
    package init(_ texts: [String], hasDatabase: Bool) throws {
        var sources: [TorrentSource] = []
        var names: [String] = []
        for text in texts {
            let isSource = !hasDatabase || TorrentSource.isURL(text) || text.isEmpty || text.contains("/")
            if !isSource, !MagnetLink.isLink(text), !Self.mayBeTorrentFile(text) {
                names.append(text)
            } else {
                sources.append(try TorrentSource(text))
            }
        }
        self.sources = sources
        self.names = names
    }

    /// Whether there is a file that looks like a .torrent. The payload of a torrent has the torrent's name, and often
    /// lies in the current folder.
    private static func mayBeTorrentFile(_ text: String) -> Bool {
        let path = FilePath(text: text)
        guard PathCalls.exists(path), !NewFile.isFolder(path) else { return false }
        guard !text.lowercased().hasSuffix(".torrent") else { return true }
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: [.nonBlocking, .closeOnExec])
            return try file.closeAfter {
                var byte: UInt8 = 0
                let count = try withUnsafeMutableBytes(of: &byte) { try file.read(into: $0) }
                return count == 1 && byte == UInt8(ascii: "d")
            }
        } catch {
            return false
        }
    }
}

extension Library {
    /// Why the name is no source: what is wrong with the file, if there is one.
    private static func reason(_ name: String) throws -> String {
        guard PathCalls.exists(FilePath(text: name)) else {
            return "\(name) is neither a file nor a torrent in the database; see `pieces status`"
        }
        do {
            _ = try TorrentSource(name).readFile()
            return "\(name) changed while it was read; try again"
        } catch {
            return "\(error)"
        }
    }

    /// Torrents of the database, by their .torrent or, as long as their metadata isn't known, by their magnet link.
    package struct KnownSources {
        package var torrents: [Metainfo] = []
        package var magnets: [MagnetLink] = []
    }

    /// The torrents with these names, as they were added. `unknown` receives an error for each name that matches no
    /// torrent, or more than one.
    package func sources(of names: [String], unknown: (String) -> Void) throws -> KnownSources {
        var found = KnownSources()
        for name in names {
            let rows: [TorrentRow]
            do throws(StoreError) {
                rows = try connection.findTorrents([name])
            } catch {
                switch error.code {
                case .notFound:
                    unknown(try Self.reason(name))
                case .ambiguous: unknown(error.message)
                default: throw error
                }
                continue
            }
            for row in rows {
                if row.hasMetadata {
                    found.torrents.append(try StoredTorrent(row, connection).metainfo)
                } else {
                    found.magnets.append(MagnetLink(infoHash: row.infoHash))
                }
            }
        }
        return found
    }
}
