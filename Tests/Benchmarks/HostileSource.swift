import Glibc
import SystemPackage

/// A .torrent file that costs its reader much, or a server that never ends.
enum HostileSource: String, CaseIterable {
    /// 45,000 files of one name in 1.1 MB.
    case names
    /// A comment of 250 MB.
    case comment
    /// An HTTP answer whose chunk has an extension without end; what it says of that goes to the standard error stream.
    case http

    /// What `pieces show` may take for it, in CPU seconds and MiB.
    var most: (cpu: Double, mebibytes: Double) {
        switch self {
        case .names: (1, 100)
        case .comment: (3, 300)
        case .http: (3, 100)
        }
    }

    /// Shows the source; what the program took, and how many bytes it was offered and took.
    func show(_ setup: BenchmarkSetup) throws -> (sample: ProcessSample, bytes: Int) {
        guard self != .http else { return try fetch(setup) }
        let path = setup.folder.appending("\(rawValue).torrent")
        let file = try BenchmarkSetup.create(path)
        // In parts: a process that this one starts counts as having been as large as this one.
        let bytes = try file.closeAfter {
            self == .names ? try writeEqualNames(to: file) : try writeLongComment(to: file)
        }
        return (try ProcessSample(setup.program, ["show", path.string]), bytes)
    }

    private func writeEqualNames(to file: FileDescriptor) throws -> Int {
        let entry = "d6:lengthi1e4:pathl1:aee"
        var bytes = try file.writeAll("d4:infod5:filesl".utf8)
        for _ in 0..<45 { bytes += try file.writeAll(String(repeating: entry, count: 1000).utf8) }
        let hashes = String(repeating: "a", count: 60)
        return bytes + (try file.writeAll("e4:name1:x12:piece lengthi16384e6:pieces60:\(hashes)ee".utf8))
    }

    private func writeLongComment(to file: FileDescriptor) throws -> Int {
        let part = [UInt8](repeating: 97, count: 1_000_000)
        var bytes = try file.writeAll("d7:comment250000000:".utf8)
        for _ in 0..<250 { bytes += try file.writeAll(part) }
        let hash = String(repeating: "a", count: 20)
        return bytes + (try file.writeAll("4:infod6:lengthi1e4:name1:x12:piece lengthi16384e6:pieces20:\(hash)ee".utf8))
    }

    private func fetch(_ setup: BenchmarkSetup) throws -> (sample: ProcessSample, bytes: Int) {
        let (listener, port) = try Socket.listen(backlog: 4)
        defer { close(listener) }
        let process = try RunningProcess(
            setup.program, ["show", "http://127.0.0.1:\(port)/x.torrent"], mayFail: true)
        let filler = [UInt8](repeating: 120, count: 64 << 10)
        var bytes = 0
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        while true {
            if let sample = try process.end() { return (sample, bytes) }
            if let (socket, _) = try Socket.accept(listener) {
                sockets.append(socket)
                let head = Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;".utf8)
                bytes += max(0, send(socket, head, head.count, 0))
            }
            var isBusy = false
            for socket in sockets {
                let count = send(socket, filler, filler.count, 0)
                if count > 0 { (bytes, isBusy) = (bytes + count, true) }
            }
            if !isBusy { usleep(1000) }
        }
    }
}
