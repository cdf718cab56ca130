import CLinux
import Glibc
import SystemPackage

extension ProcessLimit {
    /// A limit that prevents an operation before it starts, with the system's error.
    package struct Shortage: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// The system resources that a process is about to need at once.
    ///
    /// Libraries trap if they get less: an event loop without a thread or a descriptor, the Swift runtime without
    /// memory, and the dispatch library if it can't inspect its own threads. So all resources are requested before the
    /// libraries start, and then released.
    package struct Needs: Sendable {
        /// The maximum number of threads to try. On a machine with many cores, most threads belong to pools, which can
        /// work with fewer.
        private static let mostThreadsTried = 32

        private let descriptors: Int
        private let threads: Int
        /// The number of bytes in addition to the stacks of the threads.
        private let memory: Int

        package init(descriptors: Int = 0, threads: Int = 0, memory: Int = 0) {
            self.descriptors = descriptors
            self.threads = threads
            self.memory = memory
        }

        /// Throws if the system doesn't grant all of this at once.
        package func require() throws(Shortage) {
            // Separate arenas take the address space that the stacks of later threads need, and each keeps what others
            // could use: with a torrent of 50,000 files, two thirds more memory than one arena.
            if threads > 0 { Linux.useOneArena() }
            var opened: [Int32] = []
            // The results of `close` don't matter, because nothing was written.
            defer { for descriptor in opened { close(descriptor) } }
            while opened.count < descriptors { opened.append(try Self.open()) }
            try withThreads { () throws(Shortage) in try requireMemory() }
        }

        private static func open() throws(Shortage) -> Int32 {
            let descriptor = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor < 0 else { return descriptor }
            let error = errno
            let advice =
                ProcessLimit(errno: error)?.advice
                ?? "close other programs, or raise the system limit (fs.file-max)"
            throw Shortage(description: "cannot open enough files (\(String(cString: strerror(error)))); \(advice)")
        }

        /// Requests the memory in one piece, including the stacks of the threads that aren't tried. Untouched pages
        /// cost nothing.
        private func requireMemory() throws(Shortage) {
            guard ProcessLimit.memory.value != nil || ProcessLimit.data.value != nil else { return }
            let untried = max(0, threads - Self.mostThreadsTried)
            let size = memory + untried * ProcessLimit.stackSize
            guard size > 0, let error = ProcessLimit.mappingError(size) else { return }
            let advice = ProcessLimit(errno: error)?.advice ?? "close other programs"
            throw Shortage(
                description: "not enough memory is available (\(String(cString: strerror(error)))); \(advice)")
        }

        /// Calls `body` while that many threads exist.
        private func withThreads(_ body: () throws(Shortage) -> Void) throws(Shortage) {
            var started: [SystemThread] = []
            var ends: [Int32] = [-1, -1]
            guard threads > 0, pipe(&ends) == 0 else { return try body() }
            defer {
                // The threads wait for the end of the pipe.
                close(ends[1])
                for thread in started { thread.join() }
                close(ends[0])
            }
            while started.count < min(threads, Self.mostThreadsTried) {
                do {
                    let end = ends[0]
                    let thread = try SystemThread.startJoinable {
                        var byte: UInt8 = 0
                        _ = read(end, &byte, 1)
                    }
                    started.append(thread)
                } catch {
                    throw Self.threadShortage(error.rawValue)
                }
            }
            try body()
        }

        /// pthread_create(3) reports the same error for a thread limit and a memory limit, so mapping a stack shows
        /// which of them it is.
        private static func threadShortage(_ error: Int32) -> Shortage {
            let limit =
                ProcessLimit.mappingError(ProcessLimit.stackSize).flatMap { ProcessLimit(errno: $0) } ?? .processes
            let other = "close other programs, or raise the limit of the container or service (pids.max, TasksMax=)"
            let advice = limit.value == nil ? other : limit.advice
            return Shortage(
                description: "cannot start enough threads (\(String(cString: strerror(error)))); \(advice)")
        }
    }

    /// The default size of a thread's stack in bytes, which is the limit that the process was started with (`ulimit
    /// -s`).
    fileprivate static var stackSize: Int {
        var attributes = pthread_attr_t()
        var size = 0
        // These calls can't fail with valid arguments.
        pthread_attr_init(&attributes)
        pthread_attr_getstacksize(&attributes, &size)
        pthread_attr_destroy(&attributes)
        return size
    }

    /// The system's error for mapping `size` bytes; `nil` if the mapping succeeds.
    fileprivate static func mappingError(_ size: Int) -> Int32? {
        let map = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let map, map != MAP_FAILED else { return errno }
        munmap(map, size)
        return nil
    }
}
