import Glibc
import SystemPackage

/// What strace(1) and perf-stat(1) tell of a program that they start.
struct SystemCallTracer {
    private let strace: FilePath
    private let perf: FilePath

    /// Throws where one of them isn't here: nothing is counted then, and nothing is said to be within its bounds.
    init() throws {
        strace = try Self.require("strace", package: "strace")
        perf = try Self.require("perf", package: "linux-perf")
    }

    private static func require(_ name: String, package: String) throws -> FilePath {
        guard let path = BenchmarkSetup.tool(name) else {
            throw BenchmarkError(
                "\(name) isn't here, and nothing was counted without it: install the package \(package)",
                exitCode: EX_UNAVAILABLE)
        }
        return path
    }

    // MARK: How many calls

    /// What starts a program so that its system calls, and those of all its threads, are counted.
    func counting(to file: FilePath) -> [String] {
        [perf.string, "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-o", file.string, "--"]
    }

    /// The calls that were counted.
    func count(in file: FilePath) throws -> Int {
        for line in try Self.text(file).split(separator: "\n") where line.contains("raw_syscalls:sys_enter") {
            if let count = line.split(separator: ",").first.flatMap({ Int($0) }) { return count }
        }
        throw BenchmarkError(
            "perf counted no system calls, see \(file): it has to be root, or kernel.perf_event_paranoid -1, with a tracefs that it can read",
            exitCode: EX_UNAVAILABLE)
    }

    // MARK: How many bytes

    /// What starts a program so that its writes are told one by one; it is stopped for nothing else.
    func tracingWrites(to file: FilePath) -> [String] {
        // Paths as the descriptors have them, none of what was written.
        [
            strace.string, "-f", "--seccomp-bpf", "-qq", "-y", "-s", "0", "-e",
            "trace=write,pwrite64,writev,pwritev,pwritev2", "-o", file.string, "--",
        ]
    }

    /// The bytes of the writes to a database, its write-ahead log and its journal.
    ///
    /// The database writes by one call: `pwrite64(7<path>, ""..., count, offset) = count`. What another thread
    /// interrupts is told in two lines, of which the first has the count too.
    func bytesWritten(below database: FilePath, in file: FilePath) throws -> Int {
        let names = ["", "-wal", "-journal"].map { "<\(database.string)\($0)>" }
        var sum = 0
        for line in try Self.text(file).split(separator: "\n") where names.contains(where: { line.contains($0) }) {
            guard line.contains("write"), !line.contains("resumed>"), let count = Self.count(line) else {
                throw BenchmarkError("this line of \(file) isn't understood: \(line)")
            }
            sum += count
        }
        guard sum > 0 else {
            throw BenchmarkError("\(file) tells of no write to \(database): the path is not the one that strace saw")
        }
        return sum
    }

    /// The third argument of a write.
    private static func count(_ line: Substring) -> Int? {
        guard let end = line.range(of: "\"\"...") else { return nil }
        return Int(line[end...].dropFirst(2).prefix { $0.isNumber })
    }

    private static func text(_ path: FilePath) throws -> String {
        let file = try FileDescriptor.open(path, .readOnly)
        return try file.closeAfter {
            var bytes = [UInt8](repeating: 0, count: try BenchmarkSetup.size(path))
            var filled = 0
            while filled < bytes.count {
                let count = try bytes.withUnsafeMutableBytes {
                    try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[filled...]))
                }
                guard count > 0 else { break }
                filled += count
            }
            return String(decoding: bytes.prefix(filled), as: UTF8.self)
        }
    }
}

extension Substring {
    /// What begins behind the first `text`; the range of it without Foundation.
    fileprivate func range(of text: String) -> Substring.Index? {
        var rest = self
        while !rest.isEmpty {
            if rest.hasPrefix(text) { return rest.index(rest.startIndex, offsetBy: text.count) }
            rest = rest.dropFirst()
        }
        return nil
    }
}
