import Glibc
import Torrent

/// The first 68 bytes of a connection (BEP 3), with the fast extension (BEP 6).
enum WireHandshake {
    static let byteCount = 68

    static func bytes(_ infoHash: InfoHash, peer number: Int) -> [UInt8] {
        let digits = String(number)
        let id = "-PB0001-" + String(repeating: "0", count: 12 - digits.utf8.count) + digits
        return [19] + Array("BitTorrent protocol".utf8) + [0, 0, 0, 0, 0, 0, 0, 4] + infoHash.bytes + Array(id.utf8)
    }

    /// Dials the program on loopback until it answers for the torrent; when that was.
    static func awaitAnswer(
        port: UInt16, of infoHash: InfoHash, from process: RunningProcess, within limit: Duration
    ) throws -> ContinuousClock.Instant {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            guard try process.end() == nil else {
                throw BenchmarkError("the program ended before it answered a handshake: see what it said above")
            }
            if let socket = try Socket.dial(port: port, patience: limit) {
                defer { close(socket) }
                if answers(socket, infoHash) { return .now }
            }
            usleep(500)
        }
        throw BenchmarkError("no handshake of \(infoHash) was answered within \(limit): see what `pieces log` says")
    }

    private static func answers(_ socket: Int32, _ infoHash: InfoHash) -> Bool {
        let ours = bytes(infoHash, peer: 0)
        guard send(socket, ours, ours.count, 0) == ours.count else { return false }
        var answer = [UInt8](repeating: 0, count: byteCount)
        guard recv(socket, &answer, byteCount, Int32(MSG_WAITALL)) == byteCount else { return false }
        return answer[28..<48].elementsEqual(infoHash.bytes)
    }
}
