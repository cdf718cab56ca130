import Glibc
import System
package import SystemPackage
import Torrent

/// The disks below file systems. Two file systems on one disk share its head, so they are read one after the other.
package enum PhysicalDevice {
    /// The deepest stack of mappings that is followed: LVM on LUKS on RAID on partitions is four.
    private static let deepest = 16

    /// The names of the disks that hold the folder's bytes, below partitions, device mapper, RAID and LVM: `sda`,
    /// `nvme0n1`. A file system without a block device has one name of its own: its server, its pool, or its UUID.
    /// Empty if the folder doesn't exist.
    package static func holding(_ folder: FilePath) -> Set<String> {
        var status = stat()
        guard folder.withPlatformString({ stat($0, &status) }) == 0 else { return [] }
        let number = UInt64(status.st_dev)
        // The bits as makedev(3) of the C library arranges them.
        let (major, minor) = ((number >> 8) & 0xfff | (number >> 32) & ~0xfff, number & 0xff | (number >> 12) & ~0xff)
        let device = "\(major):\(minor & 0xffff_ffff)"
        let disks = leaves(of: device)
        guard disks.isEmpty else { return disks }
        guard let volume = Volume.holding(folder),
            let mount = MountTable.current.mounts.last(where: { PathText.isSame($0.path, volume.mountPath) })
        else { return ["device \(device)"] }
        return others(mount, volume, device)
    }

    /// The same by the table of mounts alone: nothing is touched that may be away or never answer. A Btrfs of several
    /// devices is on the one that was mounted. `folder` is absolute and without links.
    package static func listed(for folder: FilePath, in table: MountTable) -> Set<String> {
        guard let mount = table.mount(of: folder) else { return [] }
        var disks = leaves(of: mount.device)
        if disks.isEmpty, mount.isOfDisk, let name = FilePath(text: mount.source).lastComponent {
            disks = leaves(at: FilePath("/sys/class/block").appending(name), depth: 0)
        }
        return disks.isEmpty ? others(mount, nil, mount.device) : disks
    }

    /// The disks of a file system whose device number isn't that of a block device.
    private static func others(_ mount: MountTable.Mount, _ volume: Volume?, _ device: String) -> Set<String> {
        switch mount.kind {
        case "btrfs":
            guard let volume else { return [mount.source] }
            let words = volume.identity.split(separator: " ")
            if words.count == 3, words[1] == "uuid" {
                let folder = FilePath("/sys/fs/btrfs").appending(String(words[2])).appending("devices")
                let disks = names(in: folder).reduce(into: Set<String>()) {
                    $0.formUnion(leaves(at: folder.appending($1), depth: 0))
                }
                if !disks.isEmpty { return disks }
            }
            return [volume.identity]
        case "nfs", "nfs4", "cifs", "smb3", "ceph":
            let server = mount.source.split(separator: mount.source.hasPrefix("//") ? "/" : ":").first ?? "?"
            return ["server \(server)"]
        case "zfs":
            return ["pool \(mount.source.split(separator: "/").first ?? "?")"]
        default:
            return ["device \(device)"]
        }
    }

    private static func leaves(of device: String) -> Set<String> {
        leaves(at: FilePath("/sys/dev/block").appending(device), depth: 0)
    }

    private static func leaves(at link: FilePath, depth: Int) -> Set<String> {
        guard depth < deepest, let real = PathCalls.resolved(link), let name = real.lastComponent?.text else {
            return []
        }
        let below = names(in: real.appending("slaves"))
        guard below.isEmpty else {
            return below.reduce(into: []) {
                $0.formUnion(leaves(at: real.appending("slaves").appending($1), depth: depth + 1))
            }
        }
        // A partition is a folder in that of its disk.
        if PathCalls.exists(real.appending("partition")) {
            return leaves(at: real.removingLastComponent(), depth: depth + 1)
        }
        return [name]
    }

    private static func names(in folder: FilePath) -> [String] {
        do { return try PathCalls.names(in: folder).map { PathText.text($0) } } catch { return [] }
    }
}

extension Disk {
    /// The device that the folder is on; `nil` if it doesn't exist.
    package func physicalDevices(
        below folder: FilePath,
        completion: @escaping @Sendable ((volume: Volume, names: Set<String>, device: UInt64)?) -> Void
    ) {
        workers.submit(.read) { completion(self.physicalDevicesBlocking(folder)) }
    }

    private func physicalDevicesBlocking(_ folder: FilePath) -> (volume: Volume, names: Set<String>, device: UInt64)? {
        guard let volume = Volume.holding(folder) else { return nil }
        do {
            let raw = try calls.open(folder, flags: Linux.openPath)
            defer { calls.closeUnwritten(raw) }
            let device = try calls.status(raw).identity.device
            return (volume, PhysicalDevice.holding(folder), device)
        } catch {
            return nil
        }
    }
}
