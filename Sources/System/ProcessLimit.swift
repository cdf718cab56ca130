import Glibc

/// A resource limit of the process (getrlimit(2)), which shells and service managers set.
package enum ProcessLimit: Hashable, Sendable, CaseIterable {
    case openFiles, fileSize, memory, data, processes

    /// The limit that made a system call fail; `nil` if the error has another cause.
    ///
    /// `reaching` is the end offset of a failed write to a file, if known: a file may also be too large for its file
    /// system.
    package init?(errno: Int32, reaching end: Int64? = nil) {
        let limit: ProcessLimit
        switch errno {
        case EMFILE: limit = .openFiles
        case EFBIG: limit = .fileSize
        case ENOMEM: limit = ProcessLimit.memory.value == nil ? .data : .memory
        default: return nil
        }
        guard let value = limit.value else { return nil }
        if limit == .fileSize, let end, UInt64(max(0, end)) <= value { return nil }
        self = limit
    }

    /// The current value of the limit; `nil` if there is no limit.
    package var value: UInt64? {
        var limits = rlimit()
        guard getrlimit(resource, &limits) == 0, limits.rlim_cur != rlim_t.max else { return nil }
        return UInt64(limits.rlim_cur)
    }

    /// The value to which this process may raise the limit; `nil` if there is no such bound, or if it can't be read.
    package var highestValue: UInt64? {
        var limits = rlimit()
        guard getrlimit(resource, &limits) == 0, limits.rlim_max != rlim_t.max else { return nil }
        return UInt64(limits.rlim_max)
    }

    /// A clause that says what the limit allows and how to raise it.
    package var advice: String {
        let value = value.map { "\($0)" } ?? "an unknown number of"
        return switch self {
        case .openFiles:
            "this process may have \(value) files and sockets open: raise the limit (`ulimit -n 4096`, or LimitNOFILE= of a service)"
        case .fileSize:
            "this process may write files of up to \(value) bytes: raise the limit (`ulimit -f unlimited`, or LimitFSIZE= of a service)"
        case .memory:
            "this process may use \(value) bytes of memory: raise the limit (`ulimit -v unlimited`, or LimitAS= of a service), or run fewer torrents"
        case .data:
            "this process may use \(value) bytes of data: raise the limit (`ulimit -d unlimited`, or LimitDATA= of a service), or run fewer torrents"
        case .processes:
            "this user may have \(value) processes and threads: raise the limit (`ulimit -u 4096`, or TasksMax= of a service), or close other programs"
        }
    }

    /// Raises the limit on open files as far as the process may. The usual limit is meant for programs that use
    /// select(2).
    package static func raiseOpenFiles() {
        var limits = rlimit()
        let resource = ProcessLimit.openFiles.resource
        guard getrlimit(resource, &limits) == 0, limits.rlim_cur < min(limits.rlim_max, enoughFiles) else { return }
        limits.rlim_cur = min(limits.rlim_max, enoughFiles)
        // If this fails, the process continues with its current limit.
        _ = setrlimit(resource, &limits)
    }

    /// The number of open files that suffices for any engine.
    private static let enoughFiles = rlim_t(65536)

    private var resource: __rlimit_resource_t {
        switch self {
        case .openFiles: __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        case .fileSize: __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
        case .memory: __rlimit_resource_t(RLIMIT_AS.rawValue)
        case .data: __rlimit_resource_t(RLIMIT_DATA.rawValue)
        case .processes: __rlimit_resource_t(__RLIMIT_NPROC.rawValue)
        }
    }
}
