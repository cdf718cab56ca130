// Room: SiegeLab.
// Duty: hostile hosts at a real engine: what the table of the article "Hostile peers" names, over real sockets, at a
// stated spend. Owns: the sockets of the attackers.
// Never: measures or judges; is part of a product.
// Invariants: an attack sends no more than its spend a second; hosts are addresses of 127.0.0.0/8, which all are
// bindable on Linux.

import Glibc

/// Hosts that attack one engine at once, as one loop of one thread.
package final class Siege {
    /// What the attackers spent.
    package struct Spent: Sendable {
        package var connections = 0
        /// Connections that the engine ended, or didn't take.
        package var ended = 0
        package var sent = 0
        package var received = 0
    }

    private struct Host {
        let address: UInt32
        let attack: Attack
        let spend: Attack.Spend
        var lines = 0
        var dials: Double
        var bytes = 0.0
    }

    private struct Line {
        let socket: Int32
        let host: Int
        var isConnected = false
        var isDeaf = false
        /// Handshake, and for liars the answers.
        var words: [UInt8]
        var said = 0
        var floodAt = 0
        var heard: [UInt8] = []
        var isGreeted = false
    }

    /// The most that a connection sends at a time, and the least that it waits for.
    private static let mostAtOnce = 16_384
    private static let leastAtOnce = 1_024.0
    /// Milliseconds that one round waits for sockets.
    private static let patience: Int32 = 5

    private let target: Target
    private var hosts: [Host]
    private var lines: [Line] = []
    private var floods: [Attack: [UInt8]] = [:]
    private var buffer = [UInt8](repeating: 0, count: 65_536)
    private var steppedAt = ContinuousClock.now
    package private(set) var spent = Spent()

    /// - Parameters:
    ///   - isSpread: whether each host is in a /24 of its own.
    ///   - strength: a part of the spend.
    ///   - seed: what the hosts of ``Attack/mixed`` do.
    package init(
        _ attack: Attack, hosts count: Int, isSpread: Bool = true, strength: Double = 1, seed: UInt64 = 1,
        at target: Target
    ) {
        self.target = target
        hosts = (0..<count).map { n in
            let kinds = Attack.single
            let own = attack == .mixed ? kinds[(Int(truncatingIfNeeded: seed) &+ n * 7) % kinds.count] : attack
            let spend = own.spend(hosts: count, strength: strength)
            // 127.1.0.1 for one, 127.2.n.1 or 127.3.0.n for many: none of them was banned as another.
            let address: UInt32 =
                count == 1 ? 0x7f01_0001 : isSpread ? 0x7f02_0001 + UInt32(n) << 8 : 0x7f03_0001 + UInt32(n)
            return Host(address: address, attack: own, spend: spend, dials: Double(spend.connections))
        }
        for host in hosts where floods[host.attack] == nil { floods[host.attack] = host.attack.flood(target) }
    }

    deinit { for line in lines { close(line.socket) } }

    /// Connections that stand.
    package var standing: Int { lines.count { $0.isConnected } }

    /// One round: dials, says and hears what may be said and heard now; waits some milliseconds when that is nothing.
    package func step() {
        let now = ContinuousClock.now
        let seconds = min(0.2, (now - steppedAt) / .seconds(1))
        steppedAt = now
        for n in hosts.indices {
            let spend = hosts[n].spend
            hosts[n].dials = min(max(1, spend.dials), hosts[n].dials + spend.dials * seconds)
            hosts[n].bytes = min(spend.bytes * 0.1 + Double(Self.mostAtOnce), hosts[n].bytes + spend.bytes * seconds)
            while hosts[n].lines < spend.connections, hosts[n].dials >= 1 {
                hosts[n].dials -= 1
                guard dial(n) else { break }
            }
        }
        serve()
    }

    // MARK: Connections

    private func dial(_ host: Int) -> Bool {
        let socket = Glibc.socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard socket >= 0 else { return false }
        let attack = hosts[host].attack
        if attack.ear == .readsUntilUnchoked {
            var small: Int32 = 4096
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &small, socklen_t(MemoryLayout<Int32>.size))
        }
        guard call(Glibc.bind, socket, hosts[host].address, 0) == 0 else {
            close(socket)
            return false
        }
        spent.connections += 1
        guard call(Glibc.connect, socket, 0x7f00_0001, target.port) == 0 || errno == EINPROGRESS else {
            close(socket)
            spent.ended += 1
            return true
        }
        hosts[host].lines += 1
        let words = attack.opening(target, number: spent.connections, port: 1024 + spent.connections % 60_000)
        lines.append(Line(socket: socket, host: host, words: words))
        return true
    }

    private func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ socket: Int32, _ host: UInt32,
        _ port: UInt16
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = host.bigEndian
        address.sin_port = port.bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private func serve() {
        var polled = lines.map { line in
            var events = line.isDeaf ? Self.hungUp : Int32(POLLIN)
            if !line.isConnected || mayTalk(line) { events |= Int32(POLLOUT) }
            return pollfd(fd: line.socket, events: Int16(events), revents: 0)
        }
        guard poll(&polled, nfds_t(polled.count), Self.patience) > 0 else { return }
        var gone = false
        for (n, seen) in polled.enumerated() where seen.revents != 0 {
            if serve(n, Int32(seen.revents)) { continue }
            close(lines[n].socket)
            spent.ended += 1
            hosts[lines[n].host].lines -= 1
            polled[n].fd = -1
            gone = true
        }
        guard gone else { return }
        lines = zip(lines, polled).filter { $1.fd >= 0 }.map(\.0)
    }

    /// POLLRDHUP of poll(2), which the module of the C library leaves out.
    private static let hungUp: Int32 = 0x2000

    private func mayTalk(_ line: Line) -> Bool {
        let host = hosts[line.host]
        guard host.bytes >= Self.leastAtOnce else { return false }
        if line.said < line.words.count { return true }
        return mayFlood(line) && !(floods[host.attack] ?? []).isEmpty
    }

    /// Requests are worth something to a peer that is unchoked.
    private func mayFlood(_ line: Line) -> Bool { hosts[line.host].attack.ear != .readsUntilUnchoked || line.isDeaf }

    /// `false` when the connection is over.
    private func serve(_ n: Int, _ events: Int32) -> Bool {
        if events & Int32(POLLERR | POLLHUP) != 0 || events & Self.hungUp != 0 { return false }
        lines[n].isConnected = true
        if events & Int32(POLLIN) != 0, !hear(n) { return false }
        guard events & Int32(POLLOUT) != 0 else { return true }
        return talk(n)
    }

    // MARK: Words

    private func talk(_ n: Int) -> Bool {
        let host = lines[n].host
        while mayTalk(lines[n]) {
            let most = min(Self.mostAtOnce, Int(hosts[host].bytes))
            let count: Int
            if lines[n].said < lines[n].words.count {
                count = say(lines[n].words, at: lines[n].said, most, lines[n].socket)
                if count > 0 { lines[n].said += count }
                if lines[n].said == lines[n].words.count { (lines[n].words, lines[n].said) = ([], 0) }
            } else {
                let flood = floods[hosts[host].attack] ?? []
                count = say(flood, at: lines[n].floodAt, most, lines[n].socket)
                if count > 0 { lines[n].floodAt = (lines[n].floodAt + count) % flood.count }
            }
            guard count >= 0 else { return errno == EAGAIN || errno == EINTR }
            spent.sent += count
            hosts[host].bytes -= Double(count)
        }
        return true
    }

    private func say(_ bytes: [UInt8], at start: Int, _ most: Int, _ socket: Int32) -> Int {
        bytes.withUnsafeBytes {
            send(socket, $0.baseAddress?.advanced(by: start), min(most, $0.count - start), Int32(MSG_NOSIGNAL))
        }
    }

    private func hear(_ n: Int) -> Bool {
        let count = recv(lines[n].socket, &buffer, buffer.count, 0)
        guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
        spent.received += count
        let ear = hosts[lines[n].host].attack.ear
        guard ear != .reads, !lines[n].isDeaf else { return true }
        lines[n].heard += buffer.prefix(count)
        parse(n, ear)
        return true
    }

    private func parse(_ n: Int, _ ear: Attack.Ear) {
        let heard = lines[n].heard
        var at = 0
        if !lines[n].isGreeted {
            guard heard.count >= Wire.handshakeBytes else { return }
            lines[n].isGreeted = true
            at = Wire.handshakeBytes
        }
        while at + 4 <= heard.count {
            let length = heard[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
            guard at + 4 + length <= heard.count else { break }
            let kind = length > 0 ? heard[at + 4] : nil
            if ear == .readsUntilUnchoked, kind == Wire.Kind.unchoke.rawValue { lines[n].isDeaf = true }
            if ear == .answersRequests, length == 13, kind == Wire.Kind.request.rawValue {
                lines[n].words += Wire.lie(Array(heard[at + 5..<at + 17]))
            }
            at += 4 + length
        }
        lines[n].heard.removeFirst(at)
    }
}
