import Glibc
import SystemPackage
import Torrent

/// The kernel's list of all locks and of processes (proc(5)), for users who may not open the lock file and so can't ask
/// for its lock.
enum LockTable {
    /// Bytes that are taken of a list.
    private static let limit = 4 << 20

    /// Whether some process holds a lock for itself alone on the whole file; `nil` where the list can't tell.
    static func isLocked(_ file: FilePath) -> Bool? {
        var status = stat()
        guard file.withPlatformString({ stat($0, &status) }) == 0 else { return errno == ENOENT ? false : nil }
        let (major, minor) = numbers(status.st_dev)
        // The list names the device of the file system. Btrfs tells another one of each file, and then nothing can be
        // found.
        guard let mounts = text("/proc/self/mountinfo"), let locks = text("/proc/locks"),
            mounts.split(separator: "\n").contains(where: {
                $0.split(separator: " ").dropFirst(2).first == "\(major):\(minor)"
            })
        else { return nil }
        let name = "\(hexadecimal(major)):\(hexadecimal(minor)):\(status.st_ino)"
        return locks.split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            // One that waits has an arrow for its second word. Only who may write the file can have such a lock.
            return words.count >= 6 && words[1] == "OFDLCK" && words[3] == "WRITE" && words[5] == name
        }
    }

    /// Whether the process that began this run is still there. A process of the same number that began later is another
    /// one.
    static func isAlive(_ run: RunRow, owner: uid_t, now: Timestamp) -> Bool {
        guard run.stoppedAt == nil, run.bootID == bootID else { return false }
        var status = stat()
        guard stat("/proc/\(run.pid)", &status) == 0, status.st_uid == owner,
            let text = text(FilePath(text: "/proc/\(run.pid)/stat")),
            // The name before it may have any characters. The third word is the first behind it.
            let end = text.lastIndex(of: ")"),
            let ticks = text[end...].split(separator: " ").dropFirst(20).first.flatMap({ Int64($0) })
        else { return false }
        var uptime = timespec()
        guard clock_gettime(CLOCK_BOOTTIME, &uptime) == 0 else { return false }
        let age = Int64(uptime.tv_sec) - ticks / Int64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        // Both are in whole seconds.
        return .seconds(age + 2) >= now - run.startedAt
    }

    /// Another one than before means that the machine was restarted since.
    static var bootID: String? { text("/proc/sys/kernel/random/boot_id").map { String($0.prefix { !$0.isNewline }) } }

    private static func numbers(_ device: dev_t) -> (major: UInt64, minor: UInt64) {
        // makedev(3) of Glibc.
        let device = UInt64(device)
        return ((device >> 8) & 0xfff | (device >> 32) & ~0xfff, device & 0xff | (device >> 12) & 0xffff_ff00)
    }

    private static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return digits.utf8.count < 2 ? "0" + digits : digits
    }

    private static func text(_ path: FilePath) -> String? {
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            return try file.closeAfter {
                var bytes: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 64 << 10)
                while bytes.count < limit {
                    let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
                    if count == 0 { break }
                    bytes += buffer.prefix(count)
                }
                return String(decoding: bytes, as: UTF8.self)
            }
        } catch {
            // The kernel doesn't show it to us; every caller can do without.
            return nil
        }
    }
}
