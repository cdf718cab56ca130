package import SystemPackage
import Torrent

/// The mounted file systems, as `/proc/self/mountinfo` lists them (proc_pid_mountinfo(5)).
package struct MountTable: Sendable {
    package struct Mount: Hashable, Sendable {
        /// The mount point, as ``PathText``.
        package let path: String
        /// `ext4`, `xfs`, `nfs4`, …
        package let kind: String
        /// The device, or the server's share, that is mounted.
        package let source: String
        /// The device number, as `major:minor`.
        package let device: String
        /// Whether it is mounted read-only.
        package let isReadOnly: Bool

        /// Whether the absolute path is the mount point or below it.
        fileprivate func contains(_ path: [UInt8]) -> Bool {
            let mount = self.path.utf8
            guard mount.count > 1 else { return true }
            return path.starts(with: mount) && (path.count == mount.count || path[mount.count] == UInt8(ascii: "/"))
        }

        /// Whether a device of this machine is mounted.
        var isOfDisk: Bool { source.hasPrefix("/dev/") }

        /// Whether it shows the kernel's own state, or is only a place where something else is mounted.
        var isOfKernel: Bool { Self.kernelKinds.contains(kind) }

        private static let kernelKinds: Set<String> = [
            "proc", "sysfs", "cgroup", "cgroup2", "devtmpfs", "devpts", "mqueue", "debugfs", "tracefs", "securityfs",
            "pstore", "bpf", "configfs", "fusectl", "hugetlbfs", "binfmt_misc", "rpc_pipefs", "nsfs", "autofs",
            "efivarfs", "selinuxfs",
        ]

        /// Whether the other one may have the same UUID without being the same file system. Btrfs shows one file system
        /// with several device numbers, and the kernel mounts no clone of it.
        func mayBeClone(of other: Self) -> Bool {
            kind == other.kind && isOfDisk && other.isOfDisk && source != other.source && kind != "btrfs"
        }
    }

    package let mounts: [Mount]

    /// The table of this process; empty if the system doesn't show it.
    package static var current: MountTable { MountTable(KernelText.read("/proc/self/mountinfo") ?? "") }

    /// Parses the table's text; malformed lines are skipped.
    package init(_ text: String) {
        // The text is split by bytes, because a combining mark may follow any separator.
        mounts = PathText.bytes(text).split(separator: UInt8(ascii: "\n")).compactMap { line in
            let fields = line.split(separator: UInt8(ascii: " "))
            guard let dash = fields.firstIndex(of: [UInt8(ascii: "-")]), dash >= 6, fields.count >= dash + 3 else {
                return nil
            }
            return Mount(
                path: Self.unescaped(fields[4]), kind: Self.unescaped(fields[dash + 1]),
                source: Self.unescaped(fields[dash + 2]), device: Self.unescaped(fields[2]),
                isReadOnly: Self.isReadOnly(fields[5]) || fields.count > dash + 3 && Self.isReadOnly(fields[dash + 3]))
        }
    }

    /// The mount that contains the path: the one with the longest mount point above it, and among equals the one
    /// mounted last.
    ///
    /// - Parameter path: absolute and without links.
    package func mount(of path: FilePath) -> Mount? {
        let path = Array(path.text.utf8)
        return mounts.reduce(nil) { best, mount in
            guard mount.contains(path), mount.path.utf8.count >= best?.path.utf8.count ?? 0 else { return best }
            return mount
        }
    }

    /// Whether the options contain `ro`.
    private static func isReadOnly(_ options: ArraySlice<UInt8>) -> Bool {
        options.split(separator: UInt8(ascii: ",")).contains { $0.elementsEqual("ro".utf8) }
    }

    /// The mounts that paths lead to, because no later mount covers them.
    var visible: [Mount] { mounts.filter { mount(of: FilePath(text: $0.path)) == $0 } }

    /// The table writes a space, a tab, a line feed and a backslash as `\040`, `\011`, `\012` and `\134`.
    private static func unescaped(_ field: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var rest = field
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return PathText.text(bytes)
    }
}
