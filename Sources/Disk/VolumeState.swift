import Glibc
import System
package import SystemPackage
import Torrent

/// Where a volume is, as seen from the place where it was last mounted.
package enum VolumeState: Hashable, Sendable {
    case online(isReadOnly: Bool)
    /// The volume is mounted, but not where it was.
    case elsewhere(path: String)
    /// The mount point doesn't exist, or can't be reached.
    case noMountPoint
    /// Nothing is mounted at the mount point, which is an empty folder: an unmounted disk leaves one, and so do a
    /// container and an automounter that make one in the place of a disk that isn't there.
    case emptyMountPoint
    /// Nothing is mounted at the mount point, and the folder below has files.
    case notMounted
    /// An automounter is responsible for the mount point, and doesn't mount the volume.
    case automounter
    /// Another volume is mounted there.
    case replaced(by: String)
    /// The mount point doesn't answer.
    case silent

    package var isOnline: Bool { if case .online = self { true } else { false } }

    /// What is the case, as the rest of a sentence about the volume.
    package func clause(at mountPath: String) -> String {
        switch self {
        case .online(let isReadOnly): "is at \(mountPath)\(isReadOnly ? ", mounted read-only" : "")"
        case .elsewhere(let path): "is now mounted at \(path)"
        case .noMountPoint: "is not mounted: \(mountPath) does not exist"
        case .emptyMountPoint: "is not mounted: \(mountPath) is an empty folder"
        case .notMounted: "is not mounted: \(mountPath) is a folder of another volume"
        case .automounter: "is not mounted: the automounter of \(mountPath) does not mount it"
        case .replaced(let other): "is away; another volume is mounted at \(mountPath) (\(other))"
        case .silent: "does not answer at \(mountPath)"
        }
    }

    /// One word for scripts.
    package var word: String {
        switch self {
        case .online(let isReadOnly): isReadOnly ? "read_only" : "online"
        case .elsewhere: "elsewhere"
        case .noMountPoint: "no_mount_point"
        case .emptyMountPoint: "empty_mount_point"
        case .notMounted: "not_mounted"
        case .automounter: "automounter"
        case .replaced: "replaced"
        case .silent: "silent"
        }
    }

    /// Looks for a volume where it was, and then elsewhere. Changes nothing, except that an automounter is asked to
    /// mount it.
    package static func look(for known: VolumeIdentity, at mountPath: String) -> VolumeState {
        let path = FilePath(text: mountPath)
        Automounter.ask(path)
        guard let found = Volume.holding(path) else { return elsewhere(known, besides: mountPath) ?? .noMountPoint }
        let isMountPoint = PathText.isSame(found.mountPath, mountPath)
        if known.isSame(as: found.known) || (isMountPoint && !known.isCertainlyAnother(than: found.known)) {
            return .online(isReadOnly: found.isReadOnly)
        }
        if let elsewhere = elsewhere(known, besides: mountPath) { return elsewhere }
        if found.identity.hasPrefix("autofs ") { return .automounter }
        if isMountPoint { return .replaced(by: found.identity) }
        do { return try PathCalls.names(in: path).isEmpty ? .emptyMountPoint : .notMounted } catch {
            return .notMounted
        }
    }

    private static func elsewhere(_ known: VolumeIdentity, besides mountPath: String) -> VolumeState? {
        Volume.mounted(like: known).first { known.isSame(as: $0.known) && !PathText.isSame($0.mountPath, mountPath) }
            .map {
                .elsewhere(path: $0.mountPath)
            }
    }
}

/// Automounters, which mount a file system when its place is used (autofs(5)).
enum Automounter {
    /// Uses the folder if an automounter is responsible for it. A look at the folder alone, as open(2) with `O_PATH`
    /// takes it, would find the empty place.
    static func ask(_ folder: FilePath) {
        guard FileSystemNumber(at: folder) == .automount || folder.isBelowAutomount else { return }
        let descriptor = folder.withPlatformString { open($0, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC) }
        // The result of `close` doesn't matter, because nothing was written.
        if descriptor >= 0 { close(descriptor) }
    }
}

extension FilePath {
    /// Whether the path is in a folder of an automounter, which makes names when they are used.
    fileprivate var isBelowAutomount: Bool {
        let parent = removingLastComponent()
        return parent != self && FileSystemNumber(at: parent) == .automount
    }
}

/// The space of a file system.
package struct VolumeSpace: Hashable, Sendable {
    /// Bytes that an unprivileged user may still write.
    package let freeBytes: Int64
    package let totalBytes: Int64

    /// The space of the file system that holds the path; `nil` if it can't be told.
    package init?(at path: FilePath) {
        var status = statvfs()
        guard path.withPlatformString({ statvfs($0, &status) }) == 0 else { return nil }
        func bytes(_ blocks: UInt64) -> Int64 {
            let (bytes, overflow) = blocks.multipliedReportingOverflow(by: UInt64(status.f_frsize))
            return overflow ? .max : Int64(clamping: bytes)
        }
        freeBytes = bytes(UInt64(status.f_bavail))
        totalBytes = bytes(UInt64(status.f_blocks))
    }
}
