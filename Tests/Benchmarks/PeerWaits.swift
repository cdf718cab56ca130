import Glibc
import SystemPackage
import Torrent

/// How long a peer waits for a block while a scrub reads the same disk at the pace of its policy, and while it is
/// paused.
struct PeerWaits {
    private static let pieceLength = 1 << 20
    /// Bytes a second that a scrub reads: what the default policy of 30 days needs for 22 TB on one disk.
    private static let rate = 9_400_000.0
    private static let rounds = 24
    private static let time = Duration.seconds(6)
    /// A scrub that is told to go on does so within a second.
    private static let settling: UInt32 = 1_500_000
    /// Between an answer and the next request.
    private static let rest: UInt32 = 4000

    let setup: BenchmarkSetup
    let bytes: Int

    func run() throws {
        let folder = try setup.makeFolder("peer")
        let torrent = try UniformTorrent(
            "payload.bin", bytes: bytes, pieceLength: Self.pieceLength, filler: UniformTorrent.solid)
        let (file, database) = (folder.appending("payload.torrent"), folder.appending("peer.db"))
        let payload = folder.appending("payload.bin")
        try BenchmarkSetup.write(torrent.metainfo.file, to: file)
        _ = try torrent.write(to: folder)
        let pieces = { (arguments: [String]) in
            _ = try ProcessSample(setup.program, arguments + ["--database", database.string, "--quiet"])
        }
        try pieces(["verify", file.string, "--output", folder.string, "--adopt"])
        // A policy of minutes needs the same rate for gigabytes that 30 days need for terabytes.
        let period = Int((Double(bytes) * 1.1 / Self.rate).rounded())
        try pieces(["scrub", "policy", "\(period)s"])
        let port = try Socket.freePort()
        let engine = try RunningProcess(
            setup.program,
            [
                "run", "--database", database.string, "--listen-port", "\(port)", "--bind", "127.0.0.1", "--no-dht",
                "--no-lsd", "--quiet",
            ])
        _ = try WireHandshake.awaitAnswer(
            port: port, of: torrent.metainfo.infoHash, from: engine, within: .seconds(30))
        let peer = try AskingPeer(port: port, torrent.metainfo)
        // A twentieth of the period is the least age at which anything is read again.
        sleep(UInt32(period / 20 + 5))
        print(
            "\(bytes >> 30) GiB in pieces of 1 MiB; one peer, random blocks that aren't in the page cache, \(Self.rounds) times \(Self.time.seconds.text(0)) s of each in turn"
        )
        let table = Table(["median ms", "p99 ms", "scrub: median ms", "p99 ms", "ratio of p99", "scrub MB/s"])
        var all: (quiet: [Duration], disturbed: [Duration]) = ([], [])
        var shares: [Double] = []
        for round in 0..<Self.rounds {
            var (quiet, disturbed): ([Duration], [Duration]) = ([], [])
            var rate = 0.0
            for isReading in round.isMultiple(of: 2) ? [false, true] : [true, false] {
                try pieces(["scrub", isReading ? "resume" : "pause"])
                usleep(Self.settling)
                let before = try engine.readBytes
                let times = try ask(peer, payload)
                let (read, asked) = (try engine.readBytes - before, times.count * Geometry.blockLength)
                guard read >= asked * 9 / 10 else {
                    throw BenchmarkError("the blocks came from the page cache, so that nothing is compared: try again")
                }
                if isReading {
                    disturbed = times
                    rate = Double(read - asked) / Self.time.seconds
                } else {
                    quiet = times
                }
            }
            guard rate > Self.rate / 2 else {
                throw BenchmarkError(
                    "the scrub read only \((rate / 1e6).text(1)) MB/s, so that nothing is compared: try again")
            }
            all.quiet += quiet
            all.disturbed += disturbed
            shares.append(Self.share(0.99, of: disturbed) / Self.share(0.99, of: quiet))
            table.add(Self.cells(quiet) + Self.cells(disturbed) + [(shares.last ?? 0).text(2), (rate / 1e6).text(1)])
        }
        let pooled = Self.share(0.99, of: all.disturbed) / Self.share(0.99, of: all.quiet)
        print(
            "p99 of all requests: \(pooled.text(2)) times as long; median of the ratios: \(shares.median { $0 }.text(2))"
        )
        _ = try engine.stop()
        try BenchmarkSetup.remove(payload)
    }

    /// Asks for random blocks, one at a time; how long each took.
    private func ask(_ peer: AskingPeer, _ payload: FilePath) throws -> [Duration] {
        let file = try FileDescriptor.open(payload, .readOnly)
        return try file.closeAfter {
            // What is still to be written can't be dropped from the page cache.
            guard fsync(file.rawValue) == 0 else { throw BenchmarkError("\(payload) can't be synced") }
            var times: [Duration] = []
            let end = ContinuousClock.now + Self.time
            while ContinuousClock.now < end {
                let offset = Int.random(in: 0..<bytes / Geometry.blockLength) * Geometry.blockLength
                // The whole file: parts of large pages aren't dropped.
                posix_fadvise(file.rawValue, 0, 0, POSIX_FADV_DONTNEED)
                let start = ContinuousClock.now
                try peer.fetch(offset)
                times.append(start.duration(to: .now))
                usleep(Self.rest)
            }
            return times
        }
    }

    private static func share(_ share: Double, of times: [Duration]) -> Duration {
        let sorted = times.sorted()
        precondition(!sorted.isEmpty, "nothing was measured")
        return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    private static func cells(_ times: [Duration]) -> [String] {
        [share(0.5, of: times), share(0.99, of: times)].map { ($0 / .milliseconds(1)).text(2) }
    }
}

/// A peer that asks for blocks, one at a time, and throws them away.
private final class AskingPeer {
    private static let patience = Duration.seconds(30)
    /// Kinds of messages (BEP 3).
    private enum Message {
        static let unchoke: UInt8 = 1
        static let interested: UInt8 = 2
        static let request: UInt8 = 6
        static let piece: UInt8 = 7
    }

    private let socket: Int32
    private let pieceLength: Int
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

    /// Connects, and waits until it is unchoked.
    init(port: UInt16, _ metainfo: Metainfo) throws {
        guard let socket = try Socket.dial(port: port, patience: Self.patience) else {
            throw BenchmarkError("nobody listens on port \(port): see what `pieces log` says")
        }
        self.socket = socket
        pieceLength = metainfo.geometry.pieceLength
        try write(WireHandshake.bytes(metainfo.infoHash, peer: 1))
        try read(WireHandshake.byteCount)
        try write([0, 0, 0, 1, Message.interested])
        try readUntil(Message.unchoke)
    }

    deinit { close(socket) }

    /// Fetches the block at this offset of the torrent.
    func fetch(_ offset: Int) throws {
        var message: [UInt8] = [0, 0, 0, 13, Message.request]
        for number in [offset / pieceLength, offset % pieceLength, Geometry.blockLength] {
            withUnsafeBytes(of: UInt32(number).bigEndian) { message.append(contentsOf: $0) }
        }
        try write(message)
        try readUntil(Message.piece)
    }

    /// Reads until a message of this kind has come whole.
    private func readUntil(_ kind: UInt8) throws {
        while true {
            try read(4)
            let length = buffer[..<4].reduce(0) { $0 << 8 | Int($1) }
            guard length <= buffer.count else { throw BenchmarkError("a message of \(length) bytes came") }
            guard length > 0 else { continue }
            try read(length)
            if buffer[0] == kind { return }
        }
    }

    private func read(_ count: Int) throws {
        guard recv(socket, &buffer, count, Int32(MSG_WAITALL)) == count else { throw Socket.fault("recv") }
    }

    private func write(_ bytes: [UInt8]) throws {
        guard send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { throw Socket.fault("send") }
    }
}
