import Glibc
package import SystemPackage

/// Other processes of this machine, as far as the kernel shows them to this user (proc(5)).
package enum Processes {
    /// A process with one of the names that were asked for.
    package struct Found: Sendable {
        package let id: Int32
        /// The arguments, the program's name first.
        package let arguments: [[UInt8]]
        /// The variable HOME of the process; `nil` if it isn't shown.
        package let home: [UInt8]?
        /// The folder that relative paths of the process begin in; `nil` if it isn't shown.
        package let folder: FilePath?
    }

    /// The processes whose names begin with one of `names`. The kernel cuts names after 15 bytes.
    package static func named(_ names: [String]) -> [Found] {
        let entries: [[UInt8]]
        do { entries = try PathCalls.names(in: "/proc") } catch { return [] }
        return entries.compactMap { entry in
            guard let id = Int32(String(decoding: entry, as: UTF8.self)), id != getpid() else { return nil }
            let place = FilePath("/proc").appending("\(id)")
            guard let name = KernelFile.read(place.appending("comm")), names.contains(where: { isCalled(name, $0) })
            else { return nil }
            return Found(
                id: id, arguments: parts(of: KernelFile.read(place.appending("cmdline")) ?? []),
                home: variable("HOME", in: KernelFile.read(place.appending("environ")) ?? []),
                folder: PathCalls.resolved(place.appending("cwd")))
        }
    }

    /// Whether a process with this id runs.
    package static func runs(_ id: Int32) -> Bool { id > 0 && (kill(id, 0) == 0 || errno == EPERM) }

    private static func isCalled(_ name: [UInt8], _ wanted: String) -> Bool {
        name.prefix { $0 != UInt8(ascii: "\n") }.starts(with: wanted.utf8.prefix(15))
    }

    private static func parts(of bytes: [UInt8]) -> [[UInt8]] {
        var parts = bytes.split(separator: 0, omittingEmptySubsequences: false).map { Array($0) }
        if parts.last?.isEmpty == true { parts.removeLast() }
        return parts
    }

    private static func variable(_ name: String, in bytes: [UInt8]) -> [UInt8]? {
        let start = Array("\(name)=".utf8)
        return bytes.split(separator: 0).first { $0.starts(with: start) }.map { Array($0.dropFirst(start.count)) }
    }

    /// The process that has locked any byte of the file (fcntl(2)); `nil` if none has, or if the file can't be read.
    package static func holder(ofLock path: FilePath) -> Int32? {
        let descriptor = path.withPlatformString { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        guard descriptor >= 0 else { return nil }
        // The file belongs to another program, and this process has no lock on it that closing would drop.
        defer { close(descriptor) }
        var request = flock()
        request.l_type = Int16(F_WRLCK)
        request.l_whence = Int16(SEEK_SET)
        guard fcntl(descriptor, F_GETLK, &request) == 0, request.l_type != Int16(F_UNLCK) else { return nil }
        return request.l_pid
    }
}
