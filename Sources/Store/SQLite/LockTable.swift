package import Glibc
import System
package import SystemPackage
package import Torrent

/// Reads the kernel's lists of locks and processes (proc(5)), for users who may not open the lock file and so can't
/// query its lock.
package enum LockTable {
    /// Whether some process holds an exclusive lock on the whole file; `nil` if the list can't tell.
    package static func isLocked(_ file: FilePath) -> Bool? {
        var status = stat()
        guard file.withPlatformString({ stat($0, &status) }) == 0 else { return errno == ENOENT ? false : nil }
        let (major, minor) = numbers(status.st_dev)
        // The list names the device of the file system. Btrfs reports a different device for each file, so nothing can
        // be found there.
        guard let mounts = text("/proc/self/mountinfo"), let locks = text("/proc/locks"),
            mounts.split(separator: "\n").contains(where: {
                $0.split(separator: " ").dropFirst(2).first == "\(major):\(minor)"
            })
        else { return nil }
        let name = "\(hexadecimal(major)):\(hexadecimal(minor)):\(status.st_ino)"
        return locks.split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            // A waiting lock has an arrow as its second word. Only processes that may write the file can hold such a
            // lock.
            return words.count >= 6 && words[1] == "OFDLCK" && words[3] == "WRITE" && words[5] == name
        }
    }

    /// Whether the process that began this run still exists. A process with the same number that started later is a
    /// different one.
    package static func isAlive(_ run: RunRow, owner: uid_t, now: Timestamp) -> Bool {
        guard run.stoppedAt == nil, run.bootID == bootID else { return false }
        var status = stat()
        guard stat("/proc/\(run.pid)", &status) == 0, status.st_uid == owner,
            let text = text(FilePath(text: "/proc/\(run.pid)/stat")),
            // The name may contain any characters. The third field is the first one after it.
            let end = text.lastIndex(of: ")"),
            let ticks = text[end...].split(separator: " ").dropFirst(20).first.flatMap({ Int64($0) })
        else { return false }
        var uptime = timespec()
        guard clock_gettime(CLOCK_BOOTTIME, &uptime) == 0 else { return false }
        let age = Int64(uptime.tv_sec) - ticks / Int64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        // Both times are in whole seconds.
        return .seconds(age + 2) >= now - run.startedAt
    }

    /// A different value than before means that the machine was restarted since.
    package static var bootID: String? {
        text("/proc/sys/kernel/random/boot_id").map { String($0.prefix { !$0.isNewline }) }
    }

    private static func numbers(_ device: dev_t) -> (major: UInt64, minor: UInt64) {
        // makedev(3) of Glibc, inverted.
        let device = UInt64(device)
        return ((device >> 8) & 0xfff | (device >> 32) & ~0xfff, device & 0xff | (device >> 12) & 0xffff_ff00)
    }

    private static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return digits.utf8.count < 2 ? "0" + digits : digits
    }

    private static func text(_ path: FilePath) -> String? {
        KernelFile.read(path).map { String(decoding: $0, as: UTF8.self) }
    }
}
