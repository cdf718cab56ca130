import Glibc
package import SystemPackage
import Torrent

/// A mounted file system, identified so that it is recognised after it is mounted again or elsewhere.
package struct Volume: Hashable, Sendable {
    /// The kind of file system and its UUID, if the system names one; otherwise the kind and the file system's own
    /// number (`f_fsid`, statvfs(3)), which some kinds choose anew at each mount.
    package let identity: String
    package let mountPath: String

    package init(identity: String, mountPath: String) {
        self.identity = identity
        self.mountPath = mountPath
    }

    /// The volume that the folder is on; `nil` if the folder doesn't exist or the system doesn't list its mounts.
    package static func holding(_ folder: FilePath) -> Volume? {
        guard let real = realPath(folder), let text = KernelText.read("/proc/self/mountinfo"),
            let mount = MountTable(text).mount(of: real)
        else {
            return nil
        }
        let number =
            uuid(of: mount.source).map { "uuid \($0)" } ?? fileSystemNumber(real).map {
                "number \(String($0, radix: 16))"
            } ?? mount.source
        return Volume(identity: "\(mount.kind) \(number)", mountPath: mount.path)
    }

    /// The name of the link in `/dev/disk/by-uuid` that leads to the device.
    private static func uuid(of device: String) -> String? {
        let folder = "/dev/disk/by-uuid"
        guard device.hasPrefix("/dev/"), let real = realPath(FilePath(text: device)), let directory = opendir(folder)
        else { return nil }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { PathText.text($0.prefix { $0 != 0 }) }
            if name != ".", name != "..", realPath(FilePath(text: "\(folder)/\(name)")) == real { return name }
        }
        return nil
    }

    private static func fileSystemNumber(_ path: FilePath) -> UInt? {
        var status = statvfs()
        let result = path.withPlatformString { statvfs($0, &status) }
        return result == 0 && status.f_fsid != 0 ? UInt(status.f_fsid) : nil
    }

    private static func realPath(_ path: FilePath) -> FilePath? {
        guard let real = path.withPlatformString({ realpath($0, nil) }) else { return nil }
        defer { free(real) }
        return FilePath(platformString: real)
    }
}

extension Disk {
    /// The volume that the folder is on; `nil` if the system doesn't tell.
    package func volume(at folder: FilePath) async -> Volume? {
        await answer { done in workers.submit(.read) { done(Volume.holding(folder)) } }
    }
}
