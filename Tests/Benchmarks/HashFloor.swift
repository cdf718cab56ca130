import CPieceHash
import Glibc
import Synchronization
import SystemPackage

/// The least that a verification costs on this machine: a file is read and hashed in the lanes of all processors, and
/// nothing else is done.
struct HashFloor: Benchmark {
    private static let pieceLength = 1 << 20
    private static let chunkLength = 256 << 10
    private static let laneStride = chunkLength + 17 * 64

    private let path: FilePath

    init?(arguments: [String]) {
        guard arguments.count == 1 else { return nil }
        path = FilePath(arguments[0])
    }

    func run() throws {
        let file = try FileDescriptor.open(path, .readOnly)
        let laneBytes = PIECE_HASH_MAXIMUM_LANES * Self.pieceLength
        let work = Work(file: file, batches: Int(try file.seek(offset: 0, from: .end)) / laneBytes)
        var threads: [pthread_t] = []
        for _ in 0..<max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) {
            var thread = pthread_t()
            let context = Unmanaged.passRetained(work)
            let error = pthread_create(
                &thread, nil,
                { context in
                    Unmanaged<Work>.fromOpaque(context!).takeRetainedValue().run()
                    return nil
                }, context.toOpaque())
            guard error == 0 else {
                context.release()
                throw BenchmarkError("cannot start a thread: \(Errno(rawValue: error))")
            }
            threads.append(thread)
        }
        for thread in threads { pthread_join(thread, nil) }
        try file.close()
        if let error = work.failure.withLock(\.self) { throw BenchmarkError("cannot read \(path): \(error)") }
    }

    /// What the threads share: they take lane-fulls of pieces in order.
    private final class Work: Sendable {
        let file: FileDescriptor
        let batches: Int
        let next = Atomic(0)
        let failure = Mutex<Errno?>(nil)

        init(file: FileDescriptor, batches: Int) {
            self.file = file
            self.batches = batches
        }

        func run() {
            let lanes = PIECE_HASH_MAXIMUM_LANES
            let memory = UnsafeMutableRawPointer.allocate(byteCount: lanes * HashFloor.laneStride, alignment: 4096)
            defer { memory.deallocate() }
            var streams = [piece_hash_stream](repeating: piece_hash_stream(), count: lanes)
            let data: [UnsafePointer<UInt8>?] = (0..<lanes).map {
                UnsafePointer((memory + $0 * HashFloor.laneStride).assumingMemoryBound(to: UInt8.self))
            }
            streams.withUnsafeMutableBufferPointer { streams in
                let pointers: [UnsafeMutablePointer<piece_hash_stream>?] = (0..<lanes).map { streams.baseAddress! + $0 }
                do throws(Errno) {
                    while let batch = take() {
                        for stream in pointers { piece_hash_sha1_begin(stream) }
                        for offset in stride(from: 0, to: HashFloor.pieceLength, by: HashFloor.chunkLength) {
                            for lane in 0..<lanes {
                                try read(
                                    (batch * lanes + lane) * HashFloor.pieceLength + offset,
                                    memory + lane * HashFloor.laneStride)
                            }
                            piece_hash_sha1_update(
                                pointers, data, HashFloor.chunkLength / PIECE_HASH_BLOCK_LENGTH, lanes)
                        }
                    }
                } catch {
                    failure.withLock { $0 = error }
                }
            }
        }

        private func take() -> Int? {
            let batch = next.wrappingAdd(1, ordering: .relaxed).oldValue
            return batch < batches ? batch : nil
        }

        private func read(_ offset: Int, _ memory: UnsafeMutableRawPointer) throws(Errno) {
            let count = pread(file.rawValue, memory, HashFloor.chunkLength, off_t(offset))
            guard count == HashFloor.chunkLength else { throw count < 0 ? Errno(rawValue: errno) : .ioError }
        }
    }
}
