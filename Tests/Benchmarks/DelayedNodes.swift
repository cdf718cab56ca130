import Glibc
import SystemPackage

/// Nodes of the DHT on loopback that answer after a round trip of a given time. They know each other, and no peers.
final class DelayedNodes {
    private static let idLength = 20
    private static let compactLength = 26
    private static let toldNodes = 8

    private struct Answer {
        let at: ContinuousClock.Instant
        let node: Int
        let bytes: [UInt8]
        let receiver: sockaddr_in
        let isOfGetPeers: Bool
    }

    private let roundTrip: Duration
    private var sockets: [Int32] = []
    private var ports: [UInt16] = []
    private var answers: [Answer] = []
    /// When the first packet came and the first answer to `get_peers` left, since ``forget()``.
    private(set) var firstPacket: ContinuousClock.Instant?
    private(set) var firstGetPeersAnswered: ContinuousClock.Instant?
    private(set) var packets = 0

    init(count: Int, roundTrip: Duration) throws {
        self.roundTrip = roundTrip
        for _ in 0..<count {
            let (socket, port) = try Socket.datagrams()
            sockets.append(socket)
            ports.append(port)
        }
    }

    deinit { for socket in sockets { close(socket) } }

    /// The address of one of them.
    var entry: String { "127.0.0.1:\(ports[0])" }

    func forget() { (firstPacket, firstGetPeersAnswered, packets) = (nil, nil, 0) }

    /// Answers until the time has passed, or `isEnough`.
    func serve(for time: Duration, until isEnough: (DelayedNodes) -> Bool = { _ in false }) {
        let end = ContinuousClock.now + time
        var list = sockets.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while ContinuousClock.now < end, !isEnough(self) {
            sendDue()
            // Rounded down, so that no answer is late.
            let wait = min(end, answers.first?.at ?? end) - .now
            poll(&list, nfds_t(list.count), Int32(max(0, min(100, wait / .milliseconds(1)))))
            for node in sockets.indices where list[node].revents != 0 { while receive(node) {} }
        }
    }

    private func sendDue() {
        while let answer = answers.first, answer.at <= .now {
            answers.removeFirst()
            Socket.send(answer.bytes, to: answer.receiver, through: sockets[answer.node])
            if answer.isOfGetPeers, firstGetPeersAnswered == nil { firstGetPeersAnswered = .now }
        }
    }

    private func receive(_ node: Int) -> Bool {
        guard let (query, sender) = Socket.receive(sockets[node]) else { return false }
        let now = ContinuousClock.now
        packets += 1
        if firstPacket == nil { firstPacket = now }
        let text = String(decoding: query, as: UTF8.self)
        guard let transaction = Self.transaction(query) else { return true }
        var body = Array("d2:id\(Self.idLength):".utf8) + id(node)
        if text.contains("9:get_peers") || text.contains("9:find_node") {
            let others = sockets.indices.filter { $0 != node }.prefix(Self.toldNodes)
            body += Array("5:nodes\(others.count * Self.compactLength):".utf8) + others.flatMap { compact($0) }
        }
        let isOfGetPeers = text.contains("9:get_peers")
        if isOfGetPeers { body += Array("5:token4:aaaa".utf8) }
        let bytes = Array("d1:r".utf8) + body + Array("e1:t4:".utf8) + transaction + Array("1:y1:re".utf8)
        answers.append(
            Answer(at: now + roundTrip, node: node, bytes: bytes, receiver: sender, isOfGetPeers: isOfGetPeers))
        return true
    }

    /// The transaction id, which is the last key but a few, and has four bytes.
    private static func transaction(_ query: [UInt8]) -> ArraySlice<UInt8>? {
        let mark = Array("1:t4:".utf8)
        let last = query.indices.reversed().first { query[$0...].starts(with: mark) }
        guard let start = last.map({ $0 + mark.count }), start + 4 <= query.count else { return nil }
        return query[start..<start + 4]
    }

    /// Ids that are spread over the key space.
    private func id(_ node: Int) -> [UInt8] {
        (0..<Self.idLength).map { UInt8(truncatingIfNeeded: (node + 1) * 41 + $0 * 17) }
    }

    private func compact(_ node: Int) -> [UInt8] {
        id(node) + [127, 0, 0, 1, UInt8(ports[node] >> 8), UInt8(ports[node] & 255)]
    }
}
