package import Store
package import Torrent

/// The content of a made-up torrent is a function of its seed.
package func pieceHash(seed: UInt64, piece: Int) -> [UInt8] {
    var generator = SeededGenerator(seed: seed &* 1_000_003 &+ UInt64(piece))
    return (0..<20).map { _ in UInt8.random(in: 0...255, using: &generator) }
}

/// A .torrent of files of one piece each, so that pieces and files are easy to count.
package func madeUp(
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
    package func add(seed: UInt64 = 1, files: Int = 3, _ change: (inout NewTorrent) -> Void = { _ in }) throws
        -> TorrentID
    {
        var new = NewTorrent(metainfo: try madeUp(seed: seed, files: files), output: "/data")
        change(&new)
        return try torrents.insert(new, now: noon)
    }

    /// How SQLite finds the rows of a query, a line a step.
    package func plan(_ sql: String) throws -> [String] {
        let statement = try prepare("EXPLAIN QUERY PLAN \(sql)")
        defer { statement.reset() }
        var steps: [String] = []
        while try statement.step() {
            _ = (try statement.next(Int.self), try statement.next(Int.self), try statement.next(Int.self))
            steps.append(try statement.next())
        }
        return steps
    }

    /// The number that a query answers.
    package func number(_ sql: String, _ values: any SQLValue...) throws -> Int {
        let statement = try prepare(sql)
        try statement.bind(values)
        _ = try statement.step()
        let number: Int = try statement.next()
        // A statement that isn't at its end keeps others from changing the schema.
        while try statement.step() {}
        return number
    }
}
