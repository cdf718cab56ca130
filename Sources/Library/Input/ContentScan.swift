import Glibc
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

    /// The identity of a folder, to notice links that lead to a folder around them.
    private struct FolderID: Hashable {
        let device: dev_t
        let inode: ino_t

        init(_ status: stat) {
            device = status.st_dev
            inode = status.st_ino
        }
    }

    /// Scans an absolute path. If `path` itself is a symbolic link, it is always followed; other links only with
    /// `followingLinks`.
    package init(_ path: FilePath, followingLinks: Bool = false) throws {
        guard let last = path.lastComponent else {
            throw Failure.usage("the torrent would have no name: give a file or a folder with one")
        }
        name = last.text
        followsLinks = followingLinks
        let status = try Self.status(path, follow: true)
        switch status.st_mode & S_IFMT {
        case S_IFREG: try add(path, [], status)
        case S_IFDIR:
            isFolder = true
            try scan(path, [], inside: [FolderID(status)])
        default: throw Failure("\(path.text.printable) is neither a file nor a folder")
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

    private mutating func scan(_ folder: FilePath, _ names: [String], inside folders: Set<FolderID>) throws {
        guard names.count < SafePath.maximumDepth else {
            throw Failure("\(folder.text.printable) is nested too deeply: at most \(SafePath.maximumDepth) folders")
        }
        for name in try Self.entries(folder) {
            let path = folder.appending(name: name)
            var status = try Self.status(path, follow: false)
            if status.st_mode & S_IFMT == S_IFLNK {
                guard followsLinks, let target = Self.target(path), !folders.contains(FolderID(target)) else {
                    skippedLinks.append(path)
                    continue
                }
                status = target
            }
            switch status.st_mode & S_IFMT {
            case S_IFREG: try add(path, names + [name], status)
            case S_IFDIR: try scan(path, names + [name], inside: folders.union([FolderID(status)]))
            default: skippedSpecials.append(path)
            }
        }
    }

    private mutating func add(_ path: FilePath, _ names: [String], _ status: stat) throws {
        guard files.count < Metainfo.maximumFileCount else {
            throw Failure("there are more than \(Metainfo.maximumFileCount) files: create several torrents")
        }
        let (sum, overflow) = totalBytes.addingReportingOverflow(Int64(status.st_size))
        guard !overflow else { throw Failure("the files are too large for one torrent: create several") }
        totalBytes = sum
        files.append(
            File(path: path, names: names, length: Int64(status.st_size), isExecutable: status.st_mode & S_IXUSR != 0))
    }

    /// The names in a folder in byte order, each as ``PathText``.
    package static func entries(_ folder: FilePath) throws -> [String] {
        guard let stream = folder.withPlatformString({ opendir($0) }) else { throw unreadable(folder) }
        // The result of `closedir` doesn't matter, because nothing was written.
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw unreadable(folder) }
                break
            }
            let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if bytes == [UInt8(ascii: ".")] || bytes == [UInt8(ascii: "."), UInt8(ascii: ".")] { continue }
            names.append(bytes)
        }
        return names.sorted { $0.lexicographicallyPrecedes($1) }.map { PathText.text($0) }
    }

    /// The number of files with a name that isn't UTF-8. BEP 3 requires UTF-8, so other clients may look for these
    /// files under other names.
    package var filesWithOddNames: Int {
        files.count { PathText.isEscaped(name) || $0.names.contains(where: PathText.isEscaped) }
    }

    private static func status(_ path: FilePath, follow: Bool) throws -> stat {
        var status = stat()
        guard path.withPlatformString({ follow ? stat($0, &status) : lstat($0, &status) }) == 0 else {
            throw unreadable(path)
        }
        return status
    }

    /// What the link leads to; `nil` if there is nothing.
    private static func target(_ path: FilePath) -> stat? {
        var status = stat()
        return path.withPlatformString { stat($0, &status) } == 0 ? status : nil
    }

    private static func unreadable(_ path: FilePath) -> Failure {
        Failure("cannot read \(path.text.printable): \(Errno(rawValue: errno))")
    }
}
