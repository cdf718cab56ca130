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
    }

    package let mounts: [Mount]

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
                source: Self.unescaped(fields[dash + 2]))
        }
    }

    /// The mount that contains the path: the one with the longest mount point above it, and among equals the one
    /// mounted last.
    ///
    /// - Parameter path: absolute and without links.
    package func mount(of path: FilePath) -> Mount? {
        mounts.reduce(nil) { best, mount in
            guard path.starts(with: FilePath(text: mount.path)), mount.path.utf8.count >= best?.path.utf8.count ?? 0
            else { return best }
            return mount
        }
    }

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
