import Logging
import NIOCore
package import Net
import Store
import Swarm
import System
import Torrent

/// Accepts incoming connections: rejects banned hosts and limits connections without a handshake.
extension Session {
    /// The most connections without a handshake; usually there are none.
    private static let mostUnidentified = 128
    /// The largest share of the process's descriptors for unidentified connections, and for peers, as divisors.
    private static let unidentifiedShare = 8
    private static let peersShare = 2
    private static let fewestPeersOfAll = 8
    /// How long no connection is accepted when the shared work budget is spent.
    private static let acceptRest = TimeAmount.milliseconds(100)

    /// Returns the most unidentified connections, so that files and the database always get descriptors.
    static func unidentifiedLimit() -> Int {
        guard let files = ProcessLimit.openFiles.value else { return mostUnidentified }
        return min(mostUnidentified, Int(clamping: files) / unidentifiedShare)
    }

    /// Returns the most peers, limited in the same way.
    static func peerLimit(_ wanted: Int) -> Int {
        guard let files = ProcessLimit.openFiles.value else { return wanted }
        return min(wanted, max(fewestPeersOfAll, Int(clamping: files) / peersShare))
    }

    /// A peer connected to us and has sent nothing yet.
    package nonisolated func arrived(_ connection: PeerConnection) {
        assumeIsolated { session in
            guard !session.isStopping, let host = connection.remote?.host else {
                return connection.close(because: "the engine is stopping")
            }
            let now = session.environment.clock.timestamp
            let verdict = session.environment.shared.value.work.arrived(from: host, at: session.environment.clock.now)
            session.restIfSpent()
            if let reason = session.bans.reason(of: host, at: now) {
                return connection.close(because: "\(DisconnectReason.banned(reason))")
            }
            if verdict == .exceeded {
                let reason = "it connects too often"
                session.shun(host, reason: reason, isCertain: false)
                return connection.close(because: reason)
            }
            session.lastUnidentified += 1
            let number = session.lastUnidentified
            connection.unidentifiedNumber = number
            session.unidentified[number] = connection
            guard let leaver = session.unidentifiedLimits.arrived(number, from: host) else { return }
            session.unidentified.removeValue(forKey: leaver)?.close(because: "too many connections without a handshake")
        }
    }

    /// Pauses accepting while the shared work budget is spent; new connections wait in the kernel meanwhile.
    private func restIfSpent() {
        guard environment.shared.value.work.isSpent, !isResting else { return }
        isResting = true
        setAccepting(false)
        environment.loop.scheduleTask(in: Self.acceptRest) {
            self.assumeIsolated { session in
                session.isResting = false
                session.setAccepting(true)
            }
        }
    }

    private func setAccepting(_ isAccepting: Bool) {
        // This fails on a listener that was closed meanwhile, which accepts no connections anyway.
        for listener in listeners { listener.setOption(.autoRead, value: isAccepting).whenFailure { _ in } }
    }

    /// The connection was attached to a torrent or closed.
    package nonisolated func left(_ connection: PeerConnection) {
        assumeIsolated { session in
            guard let number = connection.unidentifiedNumber else { return }
            connection.unidentifiedNumber = nil
            session.unidentifiedLimits.left(number)
            session.unidentified[number] = nil
        }
    }

    /// A peer misbehaved. If `isCertain`, or after repeated offences, connections from its host are rejected for a
    /// while.
    func shun(_ host: PeerAddress.Host, reason: String, isCertain: Bool) {
        let now = environment.clock.timestamp
        let ban = isCertain ? bans.ban(host, reason: reason, at: now) : bans.strike(host, reason: reason, at: now)
        guard let ban else { return }
        log.info("banned \(ban.host.text): \(reason)")
        for engine in engines.values {
            engine.onLoop { engine in engine.feed { $0.shunned(ban.host, reason: reason, now: $1) } }
        }
        for fetch in fetches.values {
            fetch.onLoop { fetch in fetch.feed { machine, _ in machine.shunned(ban.host, reason: reason) } }
        }
        let row = HostBanRow(ban)
        environment.backgroundWrites.began()
        Task {
            // A stop waits for this write.
            defer { environment.backgroundWrites.ended() }
            await write("the ban of \(row.host)") { db, _ throws(StoreError) in try db.hostBans.save(row) }
        }
    }
}

extension HostBanRow {
    init(_ ban: HostBans.Ban) {
        self.init(host: ban.host.text, reason: ban.reason, at: ban.at, until: ban.until)
    }
}

extension HostBans.Ban {
    /// `nil` if the text is not a valid host.
    init?(_ row: HostBanRow) {
        guard let host = PeerAddress.Host(row.host) else { return nil }
        self.init(host: host, reason: row.reason, at: row.at, until: row.until)
    }
}
