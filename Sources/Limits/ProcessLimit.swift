// Room: Limits.
// Duty: the limits that the system sets to this process, in the words in which users know them.
// Owns: nothing.
// Never: decides what to do when a limit is met.
// Invariants: a limit is named only where it is set, and as it is set now.

import Glibc

/// A limit of the process (getrlimit(2)), which shells and service managers set.
package enum ProcessLimit: Hashable, Sendable, CaseIterable {
    case openFiles, fileSize, memory, processes

    /// The limit that made a system call fail; `nil` where the error has another cause.
    ///
    /// `reaching` is where a write to a file was to end, as far as that is known: a file may also be too large for its file system.
    package init?(errno: Int32, reaching end: Int64? = nil) {
        let limit: ProcessLimit
        switch errno {
        case EMFILE: limit = .openFiles
        case EFBIG: limit = .fileSize
        case ENOMEM: limit = .memory
        default: return nil
        }
        guard let value = limit.value else { return nil }
        if limit == .fileSize, let end, UInt64(max(0, end)) <= value { return nil }
        self = limit
    }

    /// What the limit is set to now; `nil` where there is none.
    package var value: UInt64? {
        var limits = rlimit()
        guard getrlimit(resource, &limits) == 0, limits.rlim_cur != rlim_t.max else { return nil }
        return UInt64(limits.rlim_cur)
    }

    /// What the limit allows and how it is raised, in one clause.
    package var advice: String {
        let value = value.map { "\($0)" } ?? "an unknown number of"
        return switch self {
        case .openFiles:
            "this process may have \(value) files and sockets open: raise the limit (`ulimit -n 4096`, or LimitNOFILE= of a service)"
        case .fileSize:
            "this process may write files of up to \(value) bytes: raise the limit (`ulimit -f unlimited`, or LimitFSIZE= of a service)"
        case .memory:
            "this process may use \(value) bytes of memory: raise the limit (`ulimit -v unlimited`, or LimitAS= of a service), or let fewer torrents run"
        case .processes:
            "this user may have \(value) processes and threads: raise the limit (`ulimit -u 4096`, or TasksMax= of a service), or end other programs"
        }
    }

    /// Allows the process as many open files as it may allow itself: the usual limit is for programs that wait with select(2).
    package static func raiseOpenFiles() {
        var limits = rlimit()
        let resource = ProcessLimit.openFiles.resource
        guard getrlimit(resource, &limits) == 0, limits.rlim_cur < min(limits.rlim_max, enoughFiles) else { return }
        limits.rlim_cur = min(limits.rlim_max, enoughFiles)
        // It goes on with the limit that it has.
        _ = setrlimit(resource, &limits)
    }

    /// More than an engine ever has open.
    private static let enoughFiles = rlim_t(65536)

    private var resource: __rlimit_resource_t {
        switch self {
        case .openFiles: __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        case .fileSize: __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
        case .memory: __rlimit_resource_t(RLIMIT_AS.rawValue)
        case .processes: __rlimit_resource_t(__RLIMIT_NPROC.rawValue)
        }
    }
}

extension ProcessLimit {
    /// A limit that keeps the process from what it is about to begin, and the error of the system.
    package struct Shortage: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// Throws where the process can't have so many more descriptors and threads at once: libraries end a process that meets these limits later.
    package static func require(descriptors: Int, threads: Int) throws(Shortage) {
        try require(descriptors: descriptors)
        try require(threads: threads)
    }

    private static func require(descriptors: Int) throws(Shortage) {
        var opened: [Int32] = []
        // Nothing was written through them.
        defer { for descriptor in opened { close(descriptor) } }
        while opened.count < descriptors {
            let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                let error = errno
                let advice = ProcessLimit(errno: error)?.advice ?? "end other programs, or raise the limit of the system (fs.file-max)"
                throw Shortage(description: "too few files can be opened (\(String(cString: strerror(error)))); \(advice)")
            }
            opened.append(descriptor)
        }
    }

    private static func require(threads: Int) throws(Shortage) {
        var started: [pthread_t] = []
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        defer {
            // The threads wait for the end of the pipe.
            close(ends[1])
            for thread in started { pthread_join(thread, nil) }
            close(ends[0])
        }
        while started.count < threads {
            var thread = pthread_t()
            let result = pthread_create(
                &thread, nil,
                { argument in
                    var byte: UInt8 = 0
                    _ = read(Int32(Int(bitPattern: argument)), &byte, 1)
                    return nil
                }, UnsafeMutableRawPointer(bitPattern: Int(ends[0])))
            guard result == 0 else {
                let limit = ProcessLimit.memory.value != nil ? ProcessLimit.memory : .processes
                let other = "end other programs, or raise the limit of the container or service (pids.max, TasksMax=)"
                let advice = limit.value == nil ? other : limit.advice
                throw Shortage(description: "too few threads can be started (\(String(cString: strerror(result)))); \(advice)")
            }
            started.append(thread)
        }
    }
}
