import Glibc
import System
package import SystemPackage
import Torrent

/// The physical devices below a folder, as far as the system tells: two folders on one of them share its head or queue.
package enum PhysicalDevice {
    /// The names of the disks that hold the file system, through partitions, device mapper, LVM and RAID. A file system
    /// without a block device of its own is known by its identity, or its server.
    package static func names(holding volume: Volume, device: UInt64) -> Set<String> {
        // As the C library's makedev(3) puts the two together.
        let major = device >> 8 & 0xfff | device >> 32 & ~0xfff
        let minor = device & 0xff | device >> 12 & ~0xff
        if major != 0 {
            let leaves = leaves(of: FilePath("/sys/dev/block/\(major):\(minor)"), depth: 0)
            if !leaves.isEmpty { return leaves }
        }
        // btrfs, ZFS, network file systems and those in memory have numbers of their own.
        return [volume.identity]
    }

    /// Devices are stacked a few deep; a loop would be the kernel's fault.
    private static let deepest = 16

    private static func leaves(of device: FilePath, depth: Int) -> Set<String> {
        guard depth < deepest, let real = PathCalls.resolved(device) else { return [] }
        // A partition is a folder in that of its disk.
        let disk = PathCalls.exists(real.appending("partition")) ? real.removingLastComponent() : real
        let below: [[UInt8]]
        do { below = try PathCalls.names(in: disk.appending("slaves")) } catch { below = [] }
        guard !below.isEmpty else { return disk.lastComponent.map { [$0.string] } ?? [] }
        return below.reduce(into: []) { names, slave in
            let folder = disk.appending("slaves").appending(String(decoding: slave, as: UTF8.self))
            names.formUnion(leaves(of: folder, depth: depth + 1))
        }
    }
}

extension Disk {
    /// The device that the folder is on; `nil` if it doesn't exist.
    package func physicalDevices(below folder: FilePath) async -> (volume: Volume, names: Set<String>, device: UInt64)?
    {
        await answer { (done: @escaping @Sendable ((volume: Volume, names: Set<String>, device: UInt64)?) -> Void) in
            workers.submit(.read) { done(self.physicalDevicesBlocking(folder)) }
        }
    }

    private func physicalDevicesBlocking(_ folder: FilePath) -> (volume: Volume, names: Set<String>, device: UInt64)? {
        guard let volume = Volume.holding(folder) else { return nil }
        do {
            let raw = try calls.open(folder, flags: Linux.openPath)
            defer { calls.closeUnwritten(raw) }
            let device = try calls.status(raw).identity.device
            return (volume, PhysicalDevice.names(holding: volume, device: device), device)
        } catch {
            return nil
        }
    }
}
