import Disk
import Glibc
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A folder of its own for one test, which goes with it.
final class TemporaryFolder: Sendable {
    let path: FilePath

    init() throws {
        var template = Array("/tmp/pieces-disk-XXXXXX".utf8CString)
        let made = try #require(mkdtemp(&template))
        path = FilePath(platformString: made)
    }

    deinit { Self.remove(path) }

    static func remove(_ path: FilePath) {
        path.withPlatformString { folder in
            if let directory = opendir(folder) {
                while let entry = readdir(directory) {
                    let name = withUnsafeBytes(of: &entry.pointee.d_name) { PathText.text($0.prefix { $0 != 0 }) }
                    guard name != ".", name != ".." else { continue }
                    let child = path.appending(name: name)
                    var status = stat()
                    let isFolder =
                        child.withPlatformString { lstat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFDIR
                    if isFolder { remove(child) } else { _ = child.withPlatformString { unlink($0) } }
                }
                closedir(directory)
            }
            rmdir(folder)
        }
    }
}

/// A torrent whose bytes are a function of its seed, and a disk to put it on.
struct Fixture {
    let folder: TemporaryFolder
    let calls = FaultyDisk {
        $0.hasPageCache = true
        $0.hasDirect = true
        $0.hasVolumeSync = true
    }
    let disk: Disk
    let payload: Payload
    /// The torrent's bytes; those of pad files are zeros.
    let bytes: [UInt8]
    let hashes: PieceHashes

    init(
        _ files: [FileEntry], pieceLength: Int = 32768, wanted: [Bool]? = nil, seed: UInt64 = 1,
        descriptorLimit: Int = 64, cores: Int = 2,
        volumeSyncFrom: Int = 64, folder: TemporaryFolder? = nil
    ) throws {
        self.folder = try folder ?? TemporaryFolder()
        let layout = try #require(FileLayout(files: files))
        let geometry = try #require(Geometry(totalBytes: layout.totalBytes, pieceLength: pieceLength))
        let infoHash = try #require(InfoHash(Array(repeating: UInt8(truncatingIfNeeded: seed), count: 20)))
        disk = try Disk(cores: cores, descriptorLimit: descriptorLimit, volumeSyncFrom: volumeSyncFrom, calls: calls)
        payload = Payload(
            infoHash: infoHash, root: self.folder.path, layout: layout, geometry: geometry, wanted: wanted)
        var generator = SeededGenerator(seed: seed)
        var bytes = (0..<Int(layout.totalBytes)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        for file in layout.files where file.isPad {
            for n in Int(file.offset)..<Int(file.end) { bytes[n] = 0 }
        }
        self.bytes = bytes
        hashes = PieceHashes(geometry.pieces.map { SHA1.hash(Array(bytes[Self.range(of: $0, geometry)])) })
    }

    static func range(of piece: PieceIndex, _ geometry: Geometry) -> Range<Int> {
        Int(geometry.offset(of: piece))..<Int(geometry.offset(of: piece)) + geometry.length(of: piece)
    }

    func bytes(of piece: PieceIndex) -> ArraySlice<UInt8> { bytes[Self.range(of: piece, payload.geometry)] }

    var allPieces: Bitfield { Bitfield(fullCount: payload.geometry.pieceCount) }

    func buffer(_ piece: PieceIndex) throws -> PieceBuffer {
        let buffer = try disk.buffer(for: piece, of: payload)
        buffer.bytes.copyBytes(from: bytes(of: piece))
        return buffer
    }

    func pieceWrite(_ piece: PieceIndex, payload: Payload? = nil) throws -> PieceWrite {
        PieceWrite(payload: payload ?? self.payload, piece: piece, expected: hashes[piece], buffer: try buffer(piece))
    }

    /// Writes all pieces; the outcomes that are not good.
    func writeAll(_ payload: Payload? = nil) async throws -> [PieceOutcome] {
        var others: [PieceOutcome] = []
        for piece in (payload ?? self.payload).geometry.pieces {
            let outcome = await disk.verifyAndWrite(try pieceWrite(piece, payload: payload))
            if case .good = outcome { continue }
            others.append(outcome)
        }
        return others
    }

    func verify(_ payload: Payload? = nil) async -> [PieceVerdict] {
        let all = await disk.verify(payload ?? self.payload, pieces: allPieces, hashes: hashes)
        return all.verdicts.map(\.verdict)
    }

    /// The verdicts of a verification in order, and the SHA-256 that it found, by file.
    func verifyWithDigests(cancel: CancelToken = CancelToken()) async -> (
        verdicts: [PieceVerdict], digests: [Int: SHA256Digest]
    ) {
        let found = Box<(verdicts: [PieceVerdict], digests: [Int: SHA256Digest])>(([], [:]))
        _ = await answer { (done: @escaping @Sendable (VerificationOutcome) -> Void) in
            disk.verifyWithDigests(payload, pieces: allPieces, hashes: hashes, cancel: cancel) { verdicts, digests in
                found.value.withLock { found in
                    found.verdicts += verdicts.map(\.verdict)
                    for digest in digests { found.digests[digest.file] = digest.sha256 }
                }
            } completion: {
                done($0)
            }
        }
        return found.value.withLock(\.self)
    }

    /// The files that are there at the torrent's paths.
    func found(_ payload: Payload? = nil) async throws -> [PayloadFile: FileIdentity] {
        Dictionary(
            uniqueKeysWithValues: try await disk.fingerprints(payload ?? self.payload).map { ($0.file, $0.identity) })
    }

    /// Lets the torrent write to the files that are there at its paths.
    func admitFound() async throws {
        #expect(disk.admit(try await found(), of: payload.infoHash).isEmpty)
    }

    /// What a file on the disk has in it; `nil` when there is none.
    func content(_ components: String...) -> [UInt8]? {
        Self.content(folder.path.appending(components.map { FilePath.Component($0)! }))
    }

    static func content(_ path: FilePath) -> [UInt8]? {
        let file = fopen(path.string, "r")
        guard let file else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
        }
    }

    /// Puts a file on the disk that the torrent didn't write.
    func plant(_ bytes: [UInt8], _ components: String...) throws {
        let path = folder.path.appending(components.map { FilePath.Component($0)! })
        let file = try #require(fopen(path.string, "w"))
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
        #expect(fclose(file) == 0)
    }

    func makeFolder(_ components: String...) {
        mkdir(folder.path.appending(components.map { FilePath.Component($0)! }).string, 0o755)
    }

    func expected(_ file: Int) -> [UInt8] {
        Array(bytes[Int(payload.layout.files[file].offset)..<Int(payload.layout.files[file].end)])
    }
}

extension PieceOutcome {
    var isGood: Bool { if case .good = self { true } else { false } }
    var error: DiskError? { if case .failed(let error) = self { error } else { nil } }
}

/// Three files in two folders, with an empty one and a pad between them: 6 pieces of 32 KiB, the last of them short.
let manyFiles = [
    FileEntry(path: ["t", "a"], length: 40000),
    FileEntry(path: ["t", "empty"], length: 0),
    FileEntry(path: ["t", ".pad", "25536"], length: 25536, isPad: true),
    FileEntry(path: ["t", "sub", "b"], length: 100_000),
    FileEntry(path: ["t", "sub", "c"], length: 10),
]
