import Glibc
import SystemPackage

/// Peers of one torrent that have all of it, served from one thread: as many as addresses of 127.0.0.0/8 are dialled.
///
/// They unchoke when all of them are connected, so that what is measured is a download from that many.
final class WirePeers {
    private let torrent: UniformTorrent
    private let count: Int
    private let answersRequests: Bool
    private let listener: Int32
    private let port: UInt16
    private var connections: [WireConnection] = []
    /// When the last of them was connected and all were unchoked.
    private(set) var unchoked: ContinuousClock.Instant?
    /// When the first block was asked for.
    private(set) var firstRequest: ContinuousClock.Instant?

    /// - Parameter answersRequests: whether blocks are sent; without it a download begins and goes no further.
    init(_ torrent: UniformTorrent, count: Int = 1, answersRequests: Bool = true) throws {
        self.torrent = torrent
        self.count = count
        self.answersRequests = answersRequests
        (listener, port) = try Socket.listen(backlog: count)
    }

    deinit { close(listener) }

    /// Where each is dialled, as `--peer` takes it.
    var addresses: [String] {
        (0..<count).map { "127.\(1 + $0 / 62_500).\(1 + $0 / 250 % 250).\(1 + $0 % 250):\(port)" }
    }

    var arguments: [String] { addresses.flatMap { ["--peer", $0] } }

    /// Serves until the process ends; what it cost then.
    func serve(until process: RunningProcess, within limit: Duration) throws -> ProcessSample {
        let end = ContinuousClock.now + limit
        var looked = ContinuousClock.now
        while ContinuousClock.now < end {
            try serveOnce()
            // Looking reads a file of /proc: not after each block.
            guard looked.duration(to: .now) > .milliseconds(10) else { continue }
            looked = .now
            if let sample = try process.look() { return sample }
        }
        let connected = "\(connections.count) of \(count) peers are connected"
        throw BenchmarkError("the download did not end within \(limit), \(connected): see what `pieces log` says")
    }

    /// Serves until a block was asked for; when that was.
    func awaitRequest(of process: RunningProcess, within limit: Duration) throws -> ContinuousClock.Instant {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            try serveOnce()
            if let firstRequest { return firstRequest }
            guard try process.end() == nil else { break }
        }
        throw BenchmarkError("nothing was asked for within \(limit): see what `pieces log` says")
    }

    /// Serves so many blocks a second, by the first connection alone, while it may; `served` is told the bytes of each
    /// round. Hangs up when asked to.
    func serve(blocksPerSecond: Double, while goesOn: () -> Bool, hangsUp: () -> Bool, served: (Int) -> Void) throws {
        var refilled = ContinuousClock.now
        var blocks = 0.0
        while goesOn() {
            if hangsUp() { connections.removeAll() }
            blocks = min(blocksPerSecond / 10, blocks + refilled.duration(to: .now).seconds * blocksPerSecond)
            refilled = .now
            for connection in connections.dropFirst() { connection.allowance = 0 }
            let connection = connections.first
            let before = connection?.sentBlocks ?? 0
            connection?.allowance = Int(blocks)
            try serveOnce()
            guard let connection else { continue }
            let count = connection.sentBlocks - before
            blocks -= Double(count)
            served(count * torrent.block.count)
        }
    }

    // MARK: One round

    /// Waits for sockets at most 10 ms, and does what they are ready for.
    private func serveOnce() throws {
        var polled = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        polled += connections.map {
            pollfd(fd: $0.socket, events: Int16($0.wantsToWrite ? POLLIN | POLLOUT : POLLIN), revents: 0)
        }
        let ready = poll(&polled, nfds_t(polled.count), 10)
        guard ready >= 0 || errno == EINTR else { throw Socket.fault("poll") }
        guard ready > 0 else { return }
        var ended: [Int32] = []
        for (connection, seen) in zip(connections, polled.dropFirst()) where seen.revents != 0 {
            if !serve(connection) { ended.append(connection.socket) }
        }
        if !ended.isEmpty { connections.removeAll { ended.contains($0.socket) } }
        if polled[0].revents != 0 { try welcome() }
    }

    private func welcome() throws {
        while let (socket, address) = try Socket.accept(listener) {
            // Nobody else's business: only what came to a loopback address is served.
            guard address >> 24 == 127 else {
                close(socket)
                continue
            }
            connections.append(
                WireConnection(socket, torrent, number: Int(address & 0xff_ffff), answersRequests: answersRequests))
        }
    }

    /// `false` when the connection is over.
    private func serve(_ connection: WireConnection) -> Bool {
        let wasGreeted = connection.isGreeted
        guard connection.serve() else { return false }
        if connection.hasRequested, firstRequest == nil { firstRequest = .now }
        if connection.isGreeted, !wasGreeted { unchokeWhenAllAreHere(connection) }
        return true
    }

    private func unchokeWhenAllAreHere(_ newcomer: WireConnection) {
        guard unchoked == nil else { return newcomer.unchoke() }
        let greeted = connections.filter(\.isGreeted)
        guard greeted.count == count else { return }
        unchoked = .now
        for connection in greeted { connection.unchoke() }
    }
}
