import Glibc

/// Passes connections on to a port of this machine, and delays each byte by half a round trip. It sees when the first
/// block of payload has passed. Connections are accepted without a delay.
final class DelayingRelay {
    private static let blockID: UInt8 = 7

    /// One direction of a connection.
    private final class Pipe {
        let from: Int32
        let to: Int32
        var queue: [(due: ContinuousClock.Instant, bytes: [UInt8])] = []
        /// What has passed and isn't a whole message yet; `nil` where messages aren't looked at.
        var passed: [UInt8]?
        var isGreeted = false
        var isClosed = false

        init(from: Int32, to: Int32, isWatched: Bool) {
            self.from = from
            self.to = to
            passed = isWatched ? [] : nil
        }
    }

    let port: UInt16
    private let target: UInt16
    private let delay: Duration
    private let listener: Int32
    private var pipes: [Pipe] = []
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)
    /// When the first connection was accepted, and when the first block had passed.
    private(set) var dialled: ContinuousClock.Instant?
    private(set) var firstBlock: ContinuousClock.Instant?

    init(to target: UInt16, roundTrip: Duration) throws {
        self.target = target
        delay = roundTrip / 2
        (listener, port) = try Socket.listen(backlog: 8)
    }

    deinit {
        close(listener)
        for pipe in pipes { close(pipe.from) }
    }

    /// Waits at most 10 ms for something to pass on.
    func serveOnce() throws {
        let open = pipes.filter { !$0.isClosed }
        var polled = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        polled += open.map { pollfd(fd: $0.from, events: Int16(POLLIN), revents: 0) }
        let due = open.compactMap { $0.queue.first?.due }.min()
        let wait = due.map { max(0, ($0 - .now) / .milliseconds(1)) } ?? 10
        // A poll waits for whole milliseconds; the rest is waited for by asking again.
        guard poll(&polled, nfds_t(polled.count), Int32(min(10, wait))) >= 0 || errno == EINTR else {
            throw Socket.fault("poll")
        }
        for (pipe, seen) in zip(open, polled.dropFirst()) where seen.revents != 0 { receive(pipe) }
        for pipe in open { pass(pipe) }
        if polled[0].revents != 0 { try welcome() }
    }

    private func welcome() throws {
        while let (socket, _) = try Socket.accept(listener) {
            guard let other = try Socket.dial(port: target, patience: .seconds(5)) else {
                close(socket)
                continue
            }
            if dialled == nil { dialled = .now }
            for end in [socket, other] {
                var on: Int32 = 1
                setsockopt(end, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
            }
            pipes += [
                Pipe(from: socket, to: other, isWatched: false), Pipe(from: other, to: socket, isWatched: true),
            ]
        }
    }

    private func receive(_ pipe: Pipe) {
        let count = recv(pipe.from, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        guard count > 0 else {
            if count == 0 || errno != EAGAIN && errno != EINTR { pipe.isClosed = true }
            return
        }
        pipe.queue.append((.now + delay, Array(buffer.prefix(count))))
    }

    private func pass(_ pipe: Pipe) {
        while let next = pipe.queue.first, next.due <= .now {
            let count = send(
                pipe.to, next.bytes, next.bytes.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return }
            look(pipe, next.bytes.prefix(count))
            if count == next.bytes.count {
                pipe.queue.removeFirst()
            } else {
                pipe.queue[0].bytes.removeFirst(count)
            }
        }
    }

    /// Looks for the first block, whose last byte counts.
    private func look(_ pipe: Pipe, _ bytes: ArraySlice<UInt8>) {
        guard firstBlock == nil, var passed = pipe.passed else { return }
        pipe.passed = nil
        passed += bytes
        var start = 0
        if !pipe.isGreeted, passed.count >= WireHandshake.byteCount {
            pipe.isGreeted = true
            start = WireHandshake.byteCount
        }
        while pipe.isGreeted, passed.count - start >= 4 {
            let length = passed[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
            guard passed.count - start - 4 >= length else { break }
            if length > 0, passed[start + 4] == Self.blockID { firstBlock = .now }
            start += 4 + length
        }
        passed.removeFirst(start)
        pipe.passed = passed
    }
}
