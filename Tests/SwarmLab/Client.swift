import Swarm
import Torrent

/// One of ours: the real brain, and a model of the shell that performs its effects.
final class Client: Node {
    let plan: Scenario.ClientPlan
    let number: Int
    let address: PeerAddress
    let lab: Lab
    var swarm: Swarm
    var announcer: Announcer
    var disk: ModelDisk
    var database: ModelDatabase
    /// Counts the lives of the process: what an earlier one has under way answers nobody.
    var life = 0
    var isUp = false
    var isDone = false

    // MARK: The shell's state; gone with the process.

    var ends: [PeerKey: WireEnd] = [:]
    var keys: [ObjectIdentifier: PeerKey] = [:]
    var servers: [WebSeedKey: WebServer] = [:]
    var buffers: [PieceIndex: [Int: UInt64]] = [:]
    /// What is on its way to the disk and the database, for a crash to cut short.
    var writes: [Int: () -> Void] = [:]
    var changes: [ModelDatabase.Change] = []
    var isDatabaseBusy = false
    var pendingFingerprints: [Int: FileFingerprint] = [:]
    var underWay = 0
    var isCheckCancelled = false
    var lineFreeAt = Instant.origin
    var wakeAt: Instant?
    var isPerforming = false
    /// A tick does many things, and what it does first may look wrong after what it does last.
    var isWaking = false
    var effectCount = 0
    var interruptions: [(effect: Int, how: Scenario.Interruption, meddling: Scenario.Meddling?)]
    var stopReason = StopReason.none
    /// Hosts that aren't taken; the database remembers them.
    var bans = HostBans()
    var sharedWork = SharedWork()
    /// Connections that nothing is read from, until then.
    var resting: [ObjectIdentifier: Instant] = [:]
    var events = 0
    /// When this life began, and the bytes that it took from peers and web seeds.
    var livesSince = Instant.origin
    var stored = 0

    // MARK: What the lab knows better

    /// Pieces that may be downloaded again though the database claimed them.
    var excused: Bitfield
    /// Who sent the blocks in the buffers, and the pieces that each spoiled in this life.
    var senders: [BlockRef: PeerAddress] = [:]
    var spoiled: [PeerAddress: Set<PieceIndex>] = [:]

    enum StopReason {
        case none
        /// Comes back after a while.
        case pause
        case end
    }

    init(_ plan: Scenario.ClientPlan, number: Int, address: PeerAddress, lab: Lab) {
        self.plan = plan
        self.number = number
        self.address = address
        self.lab = lab
        let geometry = lab.scenario.geometry
        disk = ModelDisk(lab.content, files: plan.files, using: &lab.random)
        database = ModelDatabase(pieceCount: geometry.pieceCount)
        excused = Bitfield(count: geometry.pieceCount)
        interruptions = plan.interruptions
        announcer = Announcer(tiers: [], shuffledBy: &lab.random, isFresh: true)
        let empty = Bitfield(count: geometry.pieceCount)
        swarm = Swarm(
            files: .onePerPiece(geometry, wanted: empty),
            plan: ResumePlan(
                ResumePlan.Input(
                    have: empty, intents: empty, files: [], stoppedCleanly: true, aliveUntilNs: nil)),
            recorded: empty, intents: empty, partials: [], settings: plan.settings, seed: 0,
            unixOrigin: Lab.unixOrigin)
        let tiers = lab.trackers.enumerated().map { Announcer.Tracker(url: $1.url, tier: $0 / 2) }
        database.trackers = tiers
        if plan.isSeed { fill() }
    }

    /// Everything is on disk and recorded.
    private func fill() {
        disk.fill(at: lab.unixNs)
        database.have = Bitfield(fullCount: database.have.count)
        for (number, file) in disk.files.enumerated() { database.fingerprints[number] = file.current }
    }

    var traits: Traits { Traits() }
    var latency: Duration { plan.latency }
    var isListening: Bool { isUp && stopReason == .none }

    /// Where it stands, for the report of a run that doesn't end.
    var state: String {
        let peers = swarm.peerReports(now: lab.now).map { peer in
            "[\(peer.address) owes \(peer.outstanding)/\(peer.depth) choking \(peer.isChoking) wanted \(peer.amInterested) snubbed \(peer.isSnubbed)]"
        }
        let fault = swarm.fault.map { "\($0.kind)" } ?? "none"
        return
            "client \(number) \(isUp ? "up" : "down"), has \(swarm.have.population)/\(swarm.have.count), recorded \(swarm.recorded.population), "
            + "unverified \(swarm.unverified.population), fault \(fault), \(peers.joined(separator: " "))"
    }
}
