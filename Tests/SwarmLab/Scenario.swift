import Swarm
import Torrent

/// A swarm and its bad luck, all of it from one seed.
package struct Scenario: Sendable {
    /// What becomes of the client's process.
    enum Interruption: Sendable {
        case kill, powerCut, cleanStop
    }

    /// What happens to the files while the client is down.
    enum Meddling: Sendable {
        case edit, delete
    }

    struct FaultWindow: Sendable {
        let kind: Fault.Kind
        let from: Instant
        let to: Instant
    }

    struct ClientPlan: Sendable {
        var settings = SwarmSettings()
        var latency = Duration.milliseconds(10)
        var uploadRate = 1_000_000
        var files = 1
        /// After which effects of its life it is interrupted, and how.
        var interruptions: [(effect: Int, how: Interruption, meddling: Meddling?)] = []
        var faults: [FaultWindow] = []
        var wantsPart = false
        /// It has everything from the start.
        var isSeed = false
        /// It stays when it is complete.
        var stays = false
    }

    package let seed: UInt64
    var geometry: Geometry
    /// The share of messages that come late.
    var loss = 0.0
    var clients: [ClientPlan] = []
    var remotes: [Habits] = []
    var trackers: [ModelTracker.Kind] = []
    var hostiles: [Hostile.Manner] = []
    var webServers: [WebServer.Habits] = []
    /// Virtual time after which a run that isn't done is stuck.
    package var limit = Duration.seconds(4 * 3600)
    /// Checks the brain's inside after every such count of events.
    package var checkEvery = 1

    package init(seed: UInt64) {
        self.seed = seed
        var random = SeededGenerator(seed: seed &* 0x2545_f491_4f6c_dd1d &+ 1)
        let blocks = [1, 2, 4, 8].randomElement(using: &random)!
        let pieces = Int.random(in: 3...(blocks == 1 ? 48 : 24), using: &random)
        let tail = Int.random(in: 1...blocks * Geometry.blockLength, using: &random)
        let total = Int64(pieces - 1) * Int64(blocks * Geometry.blockLength) + Int64(tail)
        geometry = Geometry(totalBytes: total, pieceLength: blocks * Geometry.blockLength)!
        if random.chance(0.4) { loss = Double.random(in: 0...0.05, using: &random) }
        for _ in 0..<(random.chance(0.25) ? 2 : 1) { clients.append(Self.client(geometry, using: &random)) }
        // One that has everything, tells the truth and stays.
        remotes.append(Habits.honest(geometry, using: &random))
        for _ in 0..<Int.random(in: 0...6, using: &random) { remotes.append(Habits.any(geometry, using: &random)) }
        trackers =
            [.honest]
            + (0..<Int.random(in: 0...3, using: &random)).map { _ in
                ModelTracker.Kind.allCases.randomElement(using: &random)!
            }
        trackers.shuffle(using: &random)
    }

    /// Who is there, for people.
    package var summary: String {
        let remotes = remotes.map { "\($0.uploadRate) B/s\($0.dialsOnly ? ", dials only" : "")" }
        return "places \(clients.map(\.settings.maximumPeers)), peers \(remotes), enemies \(hostiles)"
    }

    /// Honest peers of usual speed, and a client with few places; beside them some hosts that want to harm, or none.
    package static func siege(seed: UInt64, hasEnemies: Bool) -> Scenario {
        var scenario = Scenario(seed: seed)
        var random = SeededGenerator(seed: seed &* 0x9e37_79b9_7f4a_7c15 &+ 3)
        scenario.geometry = Geometry(
            totalBytes: 64 * 8 * Int64(Geometry.blockLength), pieceLength: 8 * Geometry.blockLength)!
        scenario.loss = 0
        var plan = ClientPlan()
        plan.settings.maximumPeers = Int.random(in: 4...12, using: &random)
        scenario.clients = [plan]
        scenario.remotes = (0..<Int.random(in: 2...4, using: &random)).map { _ in
            var habits = Habits(have: Bitfield(fullCount: 64))
            habits.latency = random.duration(1...80)
            habits.uploadRate = Int.random(in: 100_000...300_000, using: &random)
            habits.dialsOnly = random.chance(0.3)
            return habits
        }
        scenario.remotes[0].dialsOnly = false
        scenario.trackers = [.honest]
        scenario.checkEvery = 50
        guard hasEnemies else { return scenario }
        scenario.hostiles = (0..<Int.random(in: 1...6, using: &random)).map { _ in
            Hostile.Manner.allCases.randomElement(using: &random)!
        }
        return scenario
    }

    /// Web seeds beside the peers of the scenario of the seed, or alone.
    package static func webSeeds(seed: UInt64) -> Scenario {
        var scenario = Scenario(seed: seed)
        var random = SeededGenerator(seed: seed &* 0xd134_2543_de82_ef95 &+ 5)
        let pieces = scenario.geometry.pieceCount
        scenario.webServers = (0..<Int.random(in: 0...5, using: &random)).map { _ in
            .any(pieces: pieces, using: &random)
        }
        scenario.webServers.append(.honest(using: &random))
        scenario.webServers.shuffle(using: &random)
        guard random.chance(0.5) else { return scenario }
        scenario.remotes = []
        scenario.trackers = []
        return scenario
    }

    /// Two honest peers, and one or two that always lie, and few pieces: each of them takes part in the last piece.
    package static func poisoned(seed: UInt64) -> Scenario {
        var scenario = Scenario(seed: seed)
        var random = SeededGenerator(seed: seed &* 0xc2b2_ae3d_27d4_eb4f &+ 11)
        let pieces = Int.random(in: 1...4, using: &random)
        scenario.geometry = Geometry(
            totalBytes: Int64(pieces * 8 * Geometry.blockLength), pieceLength: 8 * Geometry.blockLength)!
        scenario.loss = 0
        scenario.trackers = [.honest]
        scenario.limit = .seconds(1800)
        var plan = ClientPlan()
        if random.chance(0.7) { plan.settings.downloadLimit = Int.random(in: 50_000...400_000, using: &random) }
        scenario.clients = [plan]
        let liars = Int.random(in: 1...2, using: &random)
        scenario.remotes = (0..<2 + liars).map { number in
            var habits = Habits(have: Bitfield(fullCount: pieces))
            habits.latency = random.duration(1...150)
            habits.uploadRate = Int.random(in: 20_000...2_000_000, using: &random)
            if number >= 2 { habits.lies = 1 }
            return habits
        }
        scenario.remotes.shuffle(using: &random)
        return scenario
    }

    /// Peers and web seeds that together are much faster than the client's limit.
    package static func limited(seed: UInt64) -> Scenario {
        var scenario = webSeeds(seed: seed)
        var random = SeededGenerator(seed: seed &* 0xa076_1d64_78bd_642f &+ 7)
        scenario.geometry = Geometry(
            totalBytes: 48 * 8 * Int64(Geometry.blockLength), pieceLength: 8 * Geometry.blockLength)!
        scenario.trackers = [.honest]
        scenario.remotes = (0..<Int.random(in: 0...4, using: &random)).map { _ in
            var habits = Habits(have: Bitfield(fullCount: 48))
            habits.latency = random.duration(1...80)
            habits.uploadRate = Int.random(in: 200_000...3_000_000, using: &random)
            return habits
        }
        var plan = ClientPlan()
        plan.settings.downloadLimit = Int.random(in: 50_000...400_000, using: &random)
        scenario.clients = [plan]
        scenario.checkEvery = 50
        return scenario
    }

    /// One seed with a slow line, and peers with faster ones that stay until all are complete.
    package static func firstSeed(seed: UInt64, superSeeds: Bool) -> Scenario {
        var scenario = Scenario(seed: seed)
        var random = SeededGenerator(seed: seed &* 0xa24b_aed4_963e_e407 &+ 7)
        let blocks = [1, 2, 4].randomElement(using: &random)!
        scenario.geometry = Geometry(
            totalBytes: Int64(Int.random(in: 40...90, using: &random) * blocks * Geometry.blockLength),
            pieceLength: blocks * Geometry.blockLength)!
        scenario.loss = 0
        var first = ClientPlan()
        first.isSeed = true
        first.stays = true
        first.uploadRate = Int.random(in: 40_000...200_000, using: &random)
        first.settings.superSeeds = superSeeds
        scenario.clients = [first]
        for _ in 0..<Int.random(in: 4...9, using: &random) {
            var plan = ClientPlan()
            plan.stays = true
            plan.latency = random.duration(1...80)
            plan.uploadRate = Int.random(in: 50_000...600_000, using: &random)
            scenario.clients.append(plan)
        }
        scenario.remotes = []
        scenario.trackers = [.honest]
        scenario.checkEvery = 20
        return scenario
    }

    private static func client(_ geometry: Geometry, using random: inout SeededGenerator) -> ClientPlan {
        var plan = ClientPlan()
        plan.latency = random.duration(1...80)
        plan.uploadRate = Int.random(in: 50_000...5_000_000, using: &random)
        plan.files = Int.random(in: 1...4, using: &random)
        plan.settings.memoryBudget = geometry.pieceLength * Int.random(in: 1...12, using: &random)
        plan.settings.intentsAheadBytes = geometry.pieceLength * Int.random(in: 1...6, using: &random)
        plan.settings.picking = random.chance(0.25) ? .sequential : .rarestFirst
        plan.settings.uploadSlots = Int.random(in: 1...4, using: &random)
        plan.settings.partialAge = .milliseconds(Int.random(in: 100...5000, using: &random))
        plan.settings.commitInterval = .milliseconds(Int.random(in: 50...2000, using: &random))
        if random.chance(0.2) { plan.settings.downloadLimit = Int.random(in: 40_000...400_000, using: &random) }
        if random.chance(0.2) { plan.settings.uploadLimit = Int.random(in: 10_000...200_000, using: &random) }
        if random.chance(0.2) { plan.settings.maximumPeers = Int.random(in: 3...5, using: &random) }
        plan.wantsPart = random.chance(0.2)
        for _ in 0..<[0, 1, 1, 2, 4].randomElement(using: &random)! {
            let how: Interruption = [.kill, .powerCut, .cleanStop].randomElement(using: &random)!
            let meddling: Meddling? = random.chance(0.2) ? (random.chance(0.5) ? .edit : .delete) : nil
            plan.interruptions.append((Int.random(in: 5...200, using: &random), how, meddling))
        }
        for _ in 0..<(random.chance(0.35) ? Int.random(in: 1...3, using: &random) : 0) {
            let kind: Fault.Kind = [.diskFull, .input, .offline, .database, .databaseFull].randomElement(
                using: &random)!
            let from = Instant.origin + random.duration(100...20_000)
            plan.faults.append(FaultWindow(kind: kind, from: from, to: from + random.duration(500...15_000)))
        }
        return plan
    }
}
