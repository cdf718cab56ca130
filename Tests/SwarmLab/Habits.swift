import Swarm
import Torrent

/// How a remote node behaves.
struct Habits: Sendable {
    enum Announcing: Sendable {
        case bitfield, haveAll, havesOnly
    }

    var have: Bitfield
    var announcing = Announcing.bitfield
    var latency = Duration.milliseconds(10)
    /// Bytes per second.
    var uploadRate = 1_000_000
    var supportsFast = true
    var supportsExtensions = true
    /// The share of blocks that are lies.
    var lies = 0.0
    /// It accepts requests and never answers.
    var isSilent = false
    /// The share of requests that it rejects (BEP 6).
    var rejects = 0.0
    /// It chokes and unchokes in turn, each for so long.
    var chokePeriod: Duration?
    /// It closes after so long on average, and is away as long.
    var presence: Duration?
    var closesAtOnce = false
    /// It dials, and doesn't listen.
    var dialsOnly = false
    /// It asks for pieces that it lacks.
    var isLeecher = false
    var reqq: Int?
    /// It says now and then that it lost a piece (BEP 54).
    var losesPieces = false

    var isLiar: Bool { lies > 0 }

    static func honest(_ geometry: Geometry, using random: inout SeededGenerator) -> Habits {
        var habits = Habits(have: Bitfield(fullCount: geometry.pieceCount))
        habits.announcing = [.bitfield, .haveAll, .havesOnly].randomElement(using: &random)!
        habits.latency = random.duration(1...150)
        habits.uploadRate = Int.random(in: 20_000...4_000_000, using: &random)
        habits.supportsFast = random.chance(0.7)
        habits.supportsExtensions = random.chance(0.8)
        if random.chance(0.3) { habits.reqq = [1, 5, 250, 2000].randomElement(using: &random)! }
        return habits
    }

    /// One of the kinds that swarms are made of.
    static func any(_ geometry: Geometry, using random: inout SeededGenerator) -> Habits {
        var habits = honest(geometry, using: &random)
        switch Int.random(in: 0..<12, using: &random) {
        case 0: break
        case 1: habits.lies = [0.05, 0.3, 1].randomElement(using: &random)!
        case 2: habits.isSilent = true
        case 3: habits.uploadRate = Int.random(in: 2000...20_000, using: &random)
        case 4: habits.presence = random.duration(2000...20_000)
        case 5: habits.announcing = .havesOnly
        case 6: habits.chokePeriod = random.duration(500...8000)
        case 7: habits.closesAtOnce = true
        case 8: habits.dialsOnly = true
        case 9: habits.rejects = Double.random(in: 0.02...1, using: &random)
        case 10: habits.losesPieces = true
        default: habits.isLeecher = true
        }
        if random.chance(0.2) { habits.lies = 0.3 }
        if habits.isLeecher || random.chance(0.3) {
            for piece in geometry.pieces where random.chance(0.5) { habits.have.remove(piece) }
            if habits.announcing == .haveAll { habits.announcing = .bitfield }
        }
        return habits
    }
}
