import Glibc
import Torrent

/// One connection of a peer that has everything, closed with it: greets, and answers requests in their order (BEP 3,
/// BEP 6).
final class WireConnection {
    private struct Request: Equatable {
        let piece: UInt32
        let begin: UInt32
        let length: UInt32
    }

    private static let receiveBytes = 16 << 10
    /// Answers that are put together before the socket is asked again.
    private static let answersTogether = 8
    private static let (unchokeID, requestID, pieceID, cancelID, haveAllID): (UInt8, UInt8, UInt8, UInt8, UInt8) = (
        1, 6, 7, 8, 14
    )

    let socket: Int32
    private let torrent: UniformTorrent
    private let number: Int
    private let answersRequests: Bool
    private var received = [UInt8](repeating: 0, count: receiveBytes)
    private var incoming: [UInt8] = []
    private var outgoing: [UInt8] = []
    private var sent = 0
    private var waiting: [Request] = []
    private var answered = 0
    /// Whether the handshakes were exchanged.
    private(set) var isGreeted = false
    private(set) var hasRequested = false
    /// Blocks that it may still send; `nil` for any.
    var allowance: Int?
    private(set) var sentBlocks = 0

    init(_ socket: Int32, _ torrent: UniformTorrent, number: Int, answersRequests: Bool) {
        self.socket = socket
        self.torrent = torrent
        self.number = number
        self.answersRequests = answersRequests
    }

    deinit { close(socket) }

    var wantsToWrite: Bool { sent < outgoing.count || answered < waiting.count && allowance != 0 }

    func unchoke() { outgoing += [0, 0, 0, 1, Self.unchokeID] }

    /// Reads what came and writes what fits; `false` when the connection is over.
    func serve() -> Bool { receive() && write() }

    // MARK: In

    private func receive() -> Bool {
        let count = recv(socket, &received, Self.receiveBytes, 0)
        guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
        incoming += received.prefix(count)
        return parse()
    }

    private func parse() -> Bool {
        var start = 0
        if !isGreeted {
            guard incoming.count >= WireHandshake.byteCount else { return true }
            guard incoming[28..<48].elementsEqual(torrent.metainfo.infoHash.bytes) else { return false }
            start = WireHandshake.byteCount
            isGreeted = true
            outgoing += WireHandshake.bytes(torrent.metainfo.infoHash, peer: number) + [0, 0, 0, 1, Self.haveAllID]
        }
        while incoming.count - start >= 4 {
            let length = Int(word(start))
            guard incoming.count - start - 4 >= length else { break }
            let id = length > 0 ? incoming[start + 4] : 0
            if length == 13,
                !take(id, Request(piece: word(start + 5), begin: word(start + 9), length: word(start + 13)))
            {
                return false
            }
            start += 4 + length
        }
        incoming.removeFirst(start)
        return true
    }

    /// `false` when more is asked for at once than a block has.
    private func take(_ id: UInt8, _ request: Request) -> Bool {
        if id == Self.requestID {
            guard request.length <= torrent.block.count else { return false }
            hasRequested = true
            if answersRequests { waiting.append(request) }
        } else if id == Self.cancelID, let place = waiting[answered...].firstIndex(of: request) {
            waiting.remove(at: place)
        }
        return true
    }

    private func word(_ offset: Int) -> UInt32 { incoming[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) } }

    // MARK: Out

    private func write() -> Bool {
        while wantsToWrite {
            if sent == outgoing.count { putTogether() }
            let count = outgoing.withUnsafeBytes {
                send(socket, $0.baseAddress?.advanced(by: sent), $0.count - sent, 0)
            }
            guard count >= 0 else { return errno == EAGAIN || errno == EINTR }
            sent += count
            if sent == outgoing.count {
                outgoing.removeAll(keepingCapacity: true)
                sent = 0
            }
        }
        return true
    }

    private func putTogether() {
        outgoing.removeAll(keepingCapacity: true)
        sent = 0
        let end = min(waiting.count, answered + min(allowance ?? Self.answersTogether, Self.answersTogether))
        for request in waiting[answered..<end] {
            append(9 + request.length)
            outgoing.append(Self.pieceID)
            append(request.piece)
            append(request.begin)
            outgoing += torrent.block.prefix(Int(request.length))
        }
        allowance = allowance.map { $0 - (end - answered) }
        sentBlocks += end - answered
        answered = end
        if answered == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            answered = 0
        }
    }

    private func append(_ value: UInt32) { withUnsafeBytes(of: value.bigEndian) { outgoing.append(contentsOf: $0) } }
}
