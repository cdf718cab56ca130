import Glibc
import SystemPackage

/// A .torrent file that costs its reader much, or a server that never ends.
enum HostileSource: String, CaseIterable {
    /// 45,000 files of one name in 1.1 MB.
    case names
    /// A comment of 250 MB.
    case comment
    /// An HTTP answer whose chunk has an extension without end.
    case http

    /// What `pieces show` may take for it, in CPU seconds and MiB.
    var most: (cpu: Double, mebibytes: Double) {
        switch self {
        case .names: (1, 100)
        case .comment: (3, 600)
        case .http: (3, 100)
        }
    }

    /// Shows the source; what the program took, and how many bytes it was offered and took.
    func show(_ workshop: Workshop) throws -> (sample: ProcessSample, bytes: Int) {
        guard self != .http else { return try fetch(workshop) }
        let file = workshop.folder.appending("\(rawValue).torrent")
        let bytes = self == .names ? Self.equalNames : Self.longComment
        try Workshop.write(bytes, to: file)
        return (try ProcessSample(workshop.program, ["show", file.string]), bytes.count)
    }

    private static var equalNames: [UInt8] {
        let entries = String(repeating: "d6:lengthi1e4:pathl1:aee", count: 45_000)
        return Array("d4:infod5:filesl\(entries)e4:name1:x12:piece lengthi16384e6:pieces60:\(String(repeating: "a", count: 60))ee".utf8)
    }

    private static var longComment: [UInt8] {
        let info = "4:infod6:lengthi1e4:name1:x12:piece lengthi16384e6:pieces20:\(String(repeating: "a", count: 20))ee"
        return Array("d7:comment250000000:".utf8) + [UInt8](repeating: 97, count: 250_000_000) + Array(info.utf8)
    }

    private func fetch(_ workshop: Workshop) throws -> (sample: ProcessSample, bytes: Int) {
        let (listener, port) = try Socket.listen(backlog: 4)
        defer { close(listener) }
        let process = try RunningProcess(workshop.program, ["show", "http://127.0.0.1:\(port)/x.torrent"], mayFail: true)
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
