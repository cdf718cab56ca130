import Glibc
import Synchronization
import System
package import SystemPackage
import Torrent

/// A mounted file system, identified so that it is recognized after it is mounted again or elsewhere.
package struct Volume: Hashable, Sendable {
    /// The kind of file system and its UUID, if the system names one; otherwise the kind and the file system's own
    /// number (`f_fsid`, statvfs(3)), which some kinds choose anew at each mount; otherwise the kind and the server's
    /// share.
    package let identity: String
    package let mountPath: String
    /// The number in the volume's ``VolumeSentinel``; `nil` if there is none.
    package var sentinel: String?
    /// The identity by the number, if that follows from the UUID: an earlier look may have known only the number.
    package var numbered: String?
    /// Where the same file system is mounted too, as a bind mount is.
    package var otherMounts: [String] = []
    /// Where other file systems with the same UUID are mounted: clones.
    package var twins: [String] = []
    package var isReadOnly = false

    package init(identity: String, mountPath: String, sentinel: String? = nil) {
        self.identity = identity
        self.mountPath = mountPath
        self.sentinel = sentinel
    }

    package var known: VolumeIdentity { VolumeIdentity(identity, sentinel: sentinel) }

    /// The volume that the folder is on; `nil` if the folder doesn't exist or the system doesn't list its mounts.
    package static func holding(_ folder: FilePath) -> Volume? {
        guard let real = PathCalls.resolved(folder), let text = KernelText.read("/proc/self/mountinfo") else {
            return nil
        }
        let table = mounts(text)
        guard let mount = table.mount(of: real) else { return nil }
        return volume(mount, folder: real)
    }

    /// The mounted volumes that may be the one that isn't in its place: those of its kind, and if it has a sentinel
    /// those of disks. Others aren't touched, because a server or a FUSE program that is gone never answers.
    package static func mounted(like known: VolumeIdentity) -> some Sequence<Volume> {
        _ = KernelText.read("/proc/self/mountinfo").map(mounts)
        return visible.lazy.filter { mount in
            !mount.isOfKernel && mount.kind.elementsEqual(known.kind) || known.sentinel != nil && mount.isOfDisk
        }.map { volume($0, folder: FilePath(text: $0.path)) }
    }

    // MARK: Identity

    /// What was found out about each mount, as long as the table of mounts stays the same.
    private struct Seen {
        var text = ""
        var table = MountTable("")
        var visible: [MountTable.Mount] = []
        var identities: [MountTable.Mount: Identified] = [:]
    }

    private struct Identified {
        /// For how long an answer counts: the table of mounts may look the same when one disk took the place of another
        /// one.
        static let validity = Duration.seconds(5)

        var uuid: String?
        var number: String?
        let foundAt = ContinuousClock.now

        var isFresh: Bool { .now - foundAt < Self.validity }
    }

    private static let seen = Mutex(Seen())

    private static func mounts(_ text: String) -> MountTable {
        seen.withLock { seen in
            if !PathText.isSame(seen.text, text) {
                let table = MountTable(text)
                seen = Seen(text: text, table: table, visible: table.visible)
            }
            return seen.table
        }
    }

    private static var visible: [MountTable.Mount] { seen.withLock { $0.visible } }

    private static func volume(_ mount: MountTable.Mount, folder: FilePath) -> Volume {
        let found = identified(mount, folder)
        let number = found.number.map { "\(mount.kind) number \($0)" }
        let identity = found.uuid.map { "\(mount.kind) uuid \($0)" } ?? number ?? "\(mount.kind) \(mount.source)"
        var volume = Volume(
            identity: identity, mountPath: mount.path, sentinel: VolumeSentinel.read(at: FilePath(text: mount.path)))
        volume.isReadOnly = mount.isReadOnly
        if found.uuid != nil, derivesNumber.contains(mount.kind) { volume.numbered = number }
        for other in visible where other != mount {
            if other.device == mount.device {
                volume.otherMounts.append(other.path)
            } else if let uuid = found.uuid, other.mayBeClone(of: mount),
                identified(other, FilePath(text: other.path)).uuid == uuid
            {
                volume.twins.append(other.path)
            }
        }
        return volume
    }

    /// Kinds whose number is made of the UUID (`ext4_statfs`, `btrfs_statfs`).
    private static let derivesNumber: Set<String> = ["ext2", "ext3", "ext4", "btrfs"]

    private static func identified(_ mount: MountTable.Mount, _ folder: FilePath) -> Identified {
        if let known = seen.withLock({ $0.identities[mount] }), known.isFresh { return known }
        let found = Identified(
            uuid: linkedUUID(of: mount.source) ?? askedUUID(of: FilePath(text: mount.path)) ?? askedUUID(of: folder),
            number: fileSystemNumber(folder).map { String($0, radix: 16) })
        seen.withLock { $0.identities[mount] = found }
        return found
    }

    /// The name of the link in `/dev/disk/by-uuid` that leads to the device.
    private static func linkedUUID(of device: String) -> String? {
        let folder = FilePath("/dev/disk/by-uuid")
        guard device.hasPrefix("/dev/"), let real = PathCalls.resolved(FilePath(text: device)) else { return nil }
        let names: [[UInt8]]
        do { names = try PathCalls.names(in: folder) } catch { return nil }
        return names.lazy.map { PathText.text($0) }.first { name in
            PathCalls.resolved(folder.appending(name)) == real
        }
    }

    /// The UUID that the file system itself tells.
    private static func askedUUID(of folder: FilePath) -> String? {
        let descriptor = folder.withPlatformString { open($0, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC) }
        guard descriptor >= 0 else { return nil }
        // The result of `close` doesn't matter, because nothing was written.
        defer { close(descriptor) }
        guard let bytes = Linux.fileSystemUUID(descriptor) else { return nil }
        let digits = Array(Hex.encode(bytes))
        guard digits.count == 32 else { return String(digits) }
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
    }

    private static func fileSystemNumber(_ path: FilePath) -> UInt? {
        var status = statvfs()
        let result = path.withPlatformString { statvfs($0, &status) }
        return result == 0 && status.f_fsid != 0 ? UInt(status.f_fsid) : nil
    }
}

extension Disk {
    /// The volume that the folder is on; `nil` if the system doesn't tell.
    package func volume(at folder: FilePath) async -> Volume? {
        await answer { done in workers.submit(.read) { done(Volume.holding(folder)) } }
    }
}
