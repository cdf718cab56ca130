import Glibc
import Store
import SystemPackage
import Testing
import Torrent

/// A folder that is removed with all that is in it when the test ends.
final class TemporaryFolder: Sendable {
    let path: FilePath

    /// `inMemory` where the machine has such a file system (shm_overview(7)): for tests that sync thousands of times.
    init(inMemory: Bool = false) throws {
        let parent = inMemory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(parent)/pieces-store-XXXXXX".utf8CString)
        let made = try #require(template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) })
        path = FilePath(String(cString: made))
    }

    deinit {
        for name in names(in: path) { _ = path.appending(name: name).withPlatformString { unlink($0) } }
        rmdir(path.string)
    }

    var database: FilePath { path.appending("pieces.db") }

    func connection(_ mode: Connection.Mode = .readWriteCreate) throws(StoreError) -> Connection {
        try Connection.open(database, mode: mode, now: noon)
    }
}

/// What is in a folder, each name as ``PathText``.
func names(in folder: FilePath) -> [String] {
    guard let directory = opendir(folder.string) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { PathText.text($0.prefix { $0 != 0 }) }
        if name != "." && name != ".." { names.append(name) }
    }
    return names
}

let noon = Timestamp(1_700_000_000)

func read(_ path: FilePath) throws -> [UInt8] {
    let file = try #require(path.withPlatformString { fopen($0, "r") })
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk.prefix(count) }
    return bytes
}

func write(_ bytes: some Collection<UInt8>, to path: FilePath) throws {
    let file = try #require(path.withPlatformString { fopen($0, "w") })
    defer { fclose(file) }
    let bytes = Array(bytes)
    #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
}

/// The content of a made-up torrent is a function of its seed.
func pieceHash(seed: UInt64, piece: Int) -> [UInt8] {
    var generator = SeededGenerator(seed: seed &* 1_000_003 &+ UInt64(piece))
    return (0..<20).map { _ in UInt8.random(in: 0...255, using: &generator) }
}

/// A .torrent of files of one piece each, so that pieces and files are easy to count.
func madeUp(
    seed: UInt64 = 1, files: Int = 3, pieceLength: Int = 16384, trackers: [[String]] = [["http://a.example/announce"]]
) throws -> Metainfo {
    func string(_ text: String) -> [UInt8] { Array("\(text.utf8.count):\(text)".utf8) }
    var info = Array("d5:filesl".utf8)
    for n in 0..<files {
        info += Array("d6:lengthi\(pieceLength)e4:pathl".utf8) + string("file \(n)") + Array("ee".utf8)
    }
    info +=
        Array("e4:name".utf8) + string("torrent \(seed)")
        + Array("12:piece lengthi\(pieceLength)e6:pieces\(files * 20):".utf8)
    for n in 0..<files { info += pieceHash(seed: seed, piece: n) }
    info += Array("e".utf8)
    var file = Array("d13:announce-listl".utf8)
    for tier in trackers { file += Array("l".utf8) + tier.flatMap(string) + Array("e".utf8) }
    file += Array("e4:info".utf8) + info + Array("e".utf8)
    return try Metainfo(torrentFile: file)
}

extension Connection {
    /// Adds a made-up torrent.
    func add(seed: UInt64 = 1, files: Int = 3, _ change: (inout NewTorrent) -> Void = { _ in }) throws -> TorrentID {
        var new = NewTorrent(metainfo: try madeUp(seed: seed, files: files), output: "/data")
        change(&new)
        return try insertTorrent(new, now: noon)
    }

    /// How SQLite finds the rows of a query, a line a step.
    func plan(_ sql: String) throws -> [String] {
        try rows("EXPLAIN QUERY PLAN \(sql)") { (row) throws(StoreError) in
            _ = (try row.next(Int.self), try row.next(Int.self), try row.next(Int.self))
            return try row.next(String.self)
        }
    }

    /// The number that a query answers.
    func number(_ sql: String, _ values: any SQLValue...) throws -> Int {
        let statement = try prepare(sql)
        try statement.bind(values)
        _ = try statement.step()
        let number: Int = try statement.next()
        // A statement that isn't at its end keeps others from changing the schema.
        while try statement.step() {}
        return number
    }
}

/// The error that `body` throws.
func failure(_ body: () throws -> Void) throws -> StoreError {
    try #require(throws: StoreError.self, performing: body)
}

func pieces(_ numbers: some Sequence<Int>) -> [PieceIndex] { numbers.map { PieceIndex($0) } }
