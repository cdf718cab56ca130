import Swarm
import Torrent

/// A swarm in a box.
package final class Lab {
    let scenario: Scenario
    let content: Content
    var random: SeededGenerator
    private(set) var now = Instant.origin
    private(set) var clients: [Client] = []
    private(set) var remotes: [Remote] = []
    private(set) var hostiles: [Hostile] = []
    private(set) var trackers: [ModelTracker] = []
    private(set) var webServers: [WebServer] = []
    var report: Report
    var nextEnd = 0
    private var queue = EventQueue()
    private var nodes: [PeerAddress: any Node] = [:]
    private var failure: LabFailure?

    /// Unix seconds at the origin of the virtual clock.
    static let unixOrigin: Int64 = 1_700_000_000

    /// Events after which a run that isn't done is a livelock.
    private static let maximumEvents = 2_000_000

    private init(_ scenario: Scenario) {
        self.scenario = scenario
        content = Content(seed: scenario.seed, geometry: scenario.geometry)
        random = SeededGenerator(seed: scenario.seed)
        report = Report(seed: scenario.seed)
    }

    /// Runs the scenario until every client has everything, has come to rest, and found nothing to look at after it.
    package static func run(_ scenario: Scenario) throws(LabFailure) -> Report {
        let lab = Lab(scenario)
        try lab.run()
        return lab.report
    }

    private func run() throws(LabFailure) {
        populate()
        while let (at, action) = queue.next() {
            now = at
            action()
            report.events += 1
            if let failure { throw failure }
            if clients.allSatisfy(\.isDone) { break }
            if now - .origin > scenario.limit || report.events > Self.maximumEvents {
                let states = clients.map(\.state).joined(separator: "; ")
                throw LabFailure(seed: scenario.seed, at: now, "no end in sight: \(states)")
            }
        }
        report.seconds = (now - .origin).inSeconds
        clients.forEach { $0.dismantle() }
    }

    private func populate() {
        trackers = scenario.trackers.enumerated().map {
            ModelTracker(kind: $1, url: "http://tracker\($0).example/announce")
        }
        webServers = scenario.webServers.map { WebServer($0, lab: self) }
        for (number, plan) in scenario.clients.enumerated() {
            let client = Client(
                plan, number: number, address: PeerAddress(.v4(0x0a01_0000 + UInt32(number)), port: 6881), lab: self)
            clients.append(client)
            nodes[client.address] = client
        }
        for (number, habits) in scenario.remotes.enumerated() {
            let remote = Remote(habits, address: PeerAddress(.v4(0x0a02_0000 + UInt32(number)), port: 6881), lab: self)
            remotes.append(remote)
            nodes[remote.address] = remote
        }
        for remote in remotes { remote.start() }
        for client in clients { client.start() }
        for (number, manner) in scenario.hostiles.enumerated() {
            let hostile = Hostile(
                manner, address: PeerAddress(.v4(0x0a03_0000 + UInt32(number)), port: 6881), lab: self)
            hostiles.append(hostile)
            hostile.start()
        }
    }

    // MARK: Time

    func schedule(at instant: Instant, _ action: @escaping () -> Void) { queue.add(at: max(instant, now), action) }
    func schedule(after delay: Duration, _ action: @escaping () -> Void) { queue.add(at: now + delay, action) }

    var unixNow: Timestamp { Timestamp(Self.unixOrigin + now.nanoseconds / 1_000_000_000) }
    var unixNs: Int64 { Self.unixOrigin * 1_000_000_000 + now.nanoseconds }

    /// The first failure ends the run.
    func fail(_ text: String) {
        if failure == nil { failure = LabFailure(seed: scenario.seed, at: now, text) }
    }

    /// The first seed sends so many bytes.
    func countFirstCopy(_ bytes: Int) {
        var together = Bitfield(count: scenario.geometry.pieceCount)
        for client in clients where !client.plan.isSeed { together.formUnion(client.swarm.have) }
        guard !together.isFull else { return }
        report.firstCopies += Double(bytes) / Double(scenario.geometry.totalBytes)
    }

    // MARK: The network

    /// Whoever listens, as an honest tracker knows them.
    var members: [PeerAddress] {
        (clients.map(\.address) + remotes.filter { !$0.habits.dialsOnly }.map(\.address))
    }

    /// Each node is a host of its own, and dials from any port.
    func isLiar(_ address: PeerAddress) -> Bool {
        remotes.contains { $0.address.host == address.host && $0.habits.isLiar }
            || hostiles.contains { $0.address.host == address.host && $0.manner == .lies }
    }

    func dial(_ address: PeerAddress, from client: Client) {
        guard address.isDialable else { return fail("\(address) was dialled, where nobody can be") }
        if address == client.address {
            schedule(after: .milliseconds(2)) { client.foundSelf(address) }
            return
        }
        let life = client.life
        let target = nodes[address]
        let delay = target.map { ($0.latency + client.latency) * 2 } ?? random.duration(5...3000)
        schedule(after: delay) {
            guard client.life == life else { return }
            if let target, target.isListening {
                WireEnd.connect(client, to: target, lab: self)
            } else {
                client.dialFailed(address)
            }
        }
    }
}
