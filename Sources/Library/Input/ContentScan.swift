import System
package import SystemPackage
import Torrent

/// Finds the files for a new torrent.
package struct ContentScan {
    package struct File {
        package let path: FilePath
        /// The path below the given folder, each name as ``PathText``.
        package let names: [String]
        package let length: Int64
        package let isExecutable: Bool
    }

    /// The ``PathText`` name of the file or folder.
    package let name: String
    /// The files in the byte order of their paths, folder by folder, so that the same content always gives the same
    /// torrent.
    package private(set) var files: [File] = []
    package private(set) var totalBytes: Int64 = 0
    /// The symbolic links that were skipped. If links are followed, these lead nowhere, or to a folder around them.
    package private(set) var skippedLinks: [FilePath] = []
    /// The pipes, sockets and devices that were skipped.
    package private(set) var skippedSpecials: [FilePath] = []
    private var isFolder = false
    private let followsLinks: Bool

    /// Scans an absolute path. If `path` itself is a symbolic link, it is always followed; other links only with
    /// `followingLinks`.
    package init(_ path: FilePath, followingLinks: Bool = false) throws {
        guard let last = path.lastComponent else {
            throw Failure.usage("the torrent would have no name: give a file or a folder with one")
        }
        name = last.text
        followsLinks = followingLinks
        let status = try Self.status(path, follow: true)
        switch status.kind {
        case .file: try add(path, [], status)
        case .folder:
            isFolder = true
            try scan(path, [], inside: [status.identity])
        case .link, .other: throw Failure("\(path.text.printable) is neither a file nor a folder")
        }
        guard !files.isEmpty else {
            throw Failure("\(path.text.printable) contains no files: there is nothing to create a torrent from")
        }
    }

    /// The content for the builder, with the lengths that were hashed.
    func content(lengths: [Int64]) -> TorrentBuilder.Content {
        guard isFolder else { return .file(length: lengths[0]) }
        return .folder(
            zip(files, lengths).map { TorrentBuilder.File(path: $0.names, length: $1, isExecutable: $0.isExecutable) })
    }

    private mutating func scan(_ folder: FilePath, _ names: [String], inside folders: Set<PathStatus.Identity>) throws {
        guard names.count < SafePath.maximumDepth else {
            throw Failure("\(folder.text.printable) is nested too deeply: at most \(SafePath.maximumDepth) folders")
        }
        for name in try Self.entries(folder) {
            let path = folder.appending(name: name)
            var status = try Self.status(path, follow: false)
            if status.kind == .link {
                guard followsLinks, let target = Self.target(path), !folders.contains(target.identity) else {
                    skippedLinks.append(path)
                    continue
                }
                status = target
            }
            switch status.kind {
            case .file: try add(path, names + [name], status)
            case .folder: try scan(path, names + [name], inside: folders.union([status.identity]))
            case .link, .other: skippedSpecials.append(path)
            }
        }
    }

    private mutating func add(_ path: FilePath, _ names: [String], _ status: PathStatus) throws {
        guard files.count < Metainfo.maximumFileCount else {
            throw Failure("there are more than \(Metainfo.maximumFileCount) files: create several torrents")
        }
        let (sum, overflow) = totalBytes.addingReportingOverflow(status.size)
        guard !overflow else { throw Failure("the files are too large for one torrent: create several") }
        totalBytes = sum
        files.append(File(path: path, names: names, length: status.size, isExecutable: status.isExecutable))
    }

    /// The names in a folder in byte order, each as ``PathText``.
    package static func entries(_ folder: FilePath) throws -> [String] {
        let names: [[UInt8]]
        do { names = try PathCalls.names(in: folder) } catch { throw unreadable(folder, error) }
        return names.sorted { $0.lexicographicallyPrecedes($1) }.map { PathText.text($0) }
    }

    /// The number of files with a name that isn't UTF-8. BEP 3 requires UTF-8, so other clients may look for these
    /// files under other names.
    package var filesWithOddNames: Int {
        files.count { PathText.isEscaped(name) || $0.names.contains(where: PathText.isEscaped) }
    }

    private static func status(_ path: FilePath, follow: Bool) throws -> PathStatus {
        do { return try PathCalls.status(path, followingLinks: follow) } catch { throw unreadable(path, error) }
    }

    /// What the link leads to; `nil` if there is nothing.
    private static func target(_ path: FilePath) -> PathStatus? {
        do { return try PathCalls.status(path) } catch { return nil }
    }

    private static func unreadable(_ path: FilePath, _ error: Errno) -> Failure {
        Failure("cannot read \(path.text.printable): \(error)")
    }
}
