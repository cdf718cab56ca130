import NIOPosix
import Net
import System
import SystemPackage
package import Torrent

/// The source of a torrent: a .torrent file, its http(s) URL, or a magnet link.
package struct TorrentSource {
    let text: String
    /// The magnet link, if the source is one.
    package let magnet: MagnetLink?

    package init(_ text: String) throws {
        guard !text.isEmpty else {
            throw Failure.usage("a source is empty: give a .torrent file, its URL, or a magnet link")
        }
        self.text = text
        guard MagnetLink.isLink(text) else {
            magnet = nil
            return
        }
        do throws(MagnetLinkError) { magnet = try MagnetLink(text) } catch { throw Failure.usage("\(error)") }
    }

    package var isURL: Bool { Self.isURL(text) }

    package static func isURL(_ text: String) -> Bool {
        let lowered = text.prefix(8).lowercased()
        return lowered.hasPrefix("http://") || lowered.hasPrefix("https://")
    }

    /// Reads the .torrent from the file or URL; errors name the source.
    package func read(_ options: FetchOptions = FetchOptions()) async throws -> Metainfo {
        if magnet != nil {
            throw Failure.usage(
                "a magnet link has no list of files: add it with `pieces add --paused`, which fetches the metadata, and name the torrent by its number"
            )
        }
        return try metainfo(isURL ? try await fetch(options) : try Self.contents(of: text))
    }

    /// Reads the .torrent from a file; errors name the source.
    func readFile() throws -> Metainfo { try metainfo(try Self.contents(of: text)) }

    private func metainfo(_ bytes: [UInt8]) throws -> Metainfo {
        do throws(MetainfoError) {
            return try Metainfo(torrentFile: bytes)
        } catch {
            throw Failure("\(name): \(error)")
        }
    }

    /// The source in printable form, without a password.
    private var name: String { isURL ? text.shownURL : text.printable }

    private func fetch(_ options: FetchOptions) async throws -> [UInt8] {
        let fetcher = TorrentFetcher(group: MultiThreadedEventLoopGroup.singleton, options: options.http)
        let result: Result<[UInt8], TorrentFetchError>
        do throws(TorrentFetchError) {
            result = .success(try await fetcher.fetch(text))
        } catch {
            result = .failure(error)
        }
        await fetcher.shutdown()
        do { return try result.get() } catch { throw Failure("\(name): \(error)") }
    }

    /// Reads a regular file up to the maximum size of a .torrent.
    package static func contents(of path: String) throws -> [UInt8] {
        do {
            // Without O_NONBLOCK, opening a pipe would wait forever.
            let file = try FileDescriptor.open(FilePath(text: path), .readOnly, options: [.nonBlocking, .closeOnExec])
            return try file.closeAfter {
                let status = try PathStatus(of: file)
                guard status.kind == .file else {
                    throw Failure("\(path.printable) is not a file: give a .torrent file or its URL")
                }
                guard status.size <= Metainfo.maximumFileBytes else {
                    throw Failure("\(path.printable): \(MetainfoError.tooLarge(bytes: Int(status.size)))")
                }
                // The memory covers the bytes and the values that are read from them.
                do { try ProcessLimit.Needs(memory: 4 * Int(status.size)).require() } catch {
                    throw Failure("cannot read \(path.printable): \(error)")
                }
                return try readAll(file, expecting: Int(status.size))
            }
        } catch let error as Errno {
            throw Failure("cannot read \(path.printable): \(error): give a .torrent file or its URL")
        }
    }

    private static func readAll(_ file: FileDescriptor, expecting size: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        var done = 0
        while done < size {
            let count = try bytes.withUnsafeMutableBytes {
                try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[done...]))
            }
            guard count > 0 else { break }
            done += count
        }
        // The file became shorter while it was read.
        if done < size { bytes.removeLast(size - done) }
        return bytes
    }
}

/// The .torrents and magnet links that were read. A torrent occurs again only if another .torrent of it has additional
/// trackers.
package struct ReadSources {
    package private(set) var torrents: [Metainfo] = []
    package private(set) var magnets: [MagnetLink] = []
    /// The number of sources that couldn't be read; the errors were already reported.
    package private(set) var failed = 0
    private var seen: [InfoHash: Set<String>] = [:]

    package init() {}

    init(_ torrent: Metainfo) { torrents = [torrent] }
    init(_ magnet: MagnetLink) { magnets = [magnet] }

    package var isEmpty: Bool { torrents.isEmpty && magnets.isEmpty }

    mutating func take(_ magnet: MagnetLink) { if !magnets.contains(magnet) { magnets.append(magnet) } }

    mutating func take(_ result: Result<Metainfo, any Error>, _ complain: (String) -> Void) {
        let metainfo: Metainfo
        do {
            metainfo = try result.get()
        } catch {
            complain("\(error)")
            failed += 1
            return
        }
        let known = seen[metainfo.infoHash]
        let trackers = Set(metainfo.trackers.joined())
        guard known.map({ !trackers.isSubset(of: $0) }) ?? true else { return }
        seen[metainfo.infoHash] = trackers.union(known ?? [])
        torrents.append(metainfo)
        if let warning = metainfo.trackerWarning { complain(warning) }
    }
}

extension [TorrentSource] {
    /// Reads all sources. `complain` receives each error or warning immediately.
    package func readAll(
        _ options: FetchOptions = FetchOptions(), complain: (String) -> Void
    ) async -> ReadSources {
        var read = ReadSources()
        for source in self {
            if let magnet = source.magnet {
                read.take(magnet)
                continue
            }
            let result: Result<Metainfo, any Error>
            do { result = .success(try await source.read(options)) } catch { result = .failure(error) }
            read.take(result, complain)
        }
        return read
    }

    /// Reads all sources, which must be files or magnet links.
    package func readFiles(complain: (String) -> Void) -> ReadSources {
        var read = ReadSources()
        for source in self {
            if let magnet = source.magnet {
                read.take(magnet)
            } else {
                read.take(Result { try source.readFile() }, complain)
            }
        }
        return read
    }
}
