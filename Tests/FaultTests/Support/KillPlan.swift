import SystemPackage
import TestSupport
import Torrent

/// Which deaths a scenario dies, as a function of its number.
struct KillPlan {
    /// Calls of a kind of which each is a death of its own; of more, so many are, evenly.
    private static let ofEachSite = 10

    /// What a whole undisturbed run does.
    let counts: [Shim.Site: Int]
    /// The first death of each scenario: every boundary, or of a frequent one some, in an order that mixes the kinds.
    let boundaries: [Fault]

    init(counts: [Shim.Site: Int], isThorough: Bool) {
        self.counts = counts
        var boundaries: [Fault] = []
        for (site, count) in counts.sorted(by: { $0.key < $1.key }) where site.changes {
            let step = isThorough ? 1 : max(1, count / Self.ofEachSite)
            for nth in stride(from: 1, through: count, by: step) {
                for action in Self.deaths(at: site) {
                    boundaries.append(Fault(call: site.call, place: site.place, nth: nth, action: action))
                }
            }
        }
        var random = SeededGenerator(seed: 0x6b69_6c6c)
        self.boundaries = boundaries.shuffled(using: &random)
    }

    private static func deaths(at site: Shim.Site) -> [Fault.Action] {
        site.call == "pwrite" ? [.killBefore, .tear, .killAfter] : [.killBefore, .killAfter]
    }

    /// The deaths of a scenario: first a boundary of the plain run, then some of whatever comes after it.
    func deaths(of scenario: Int) -> [ProgramRun.Death] {
        var random = SeededGenerator(seed: UInt64(scenario))
        let first = boundaries[scenario % boundaries.count]
        return [.boundary(first)] + (0..<Int.random(in: 2...3, using: &random)).map { _ in later(&random) }
    }

    private func later(_ random: inout SeededGenerator) -> ProgramRun.Death {
        switch Int.random(in: 0..<10, using: &random) {
        // The start, the recovery of the database and of the payload.
        case 0...3: .boundary(anyCall(upTo: 40, &random))
        case 4...5: .boundary(boundaries.randomElement(using: &random) ?? anyCall(upTo: 40, &random))
        case 6...7: .shutdown(after: .milliseconds(Int.random(in: 0...700, using: &random)), anyCall(upTo: 30, &random))
        default: .moment(.milliseconds(Int.random(in: 20...900, using: &random)))
        }
    }

    private func anyCall(upTo limit: Int, _ random: inout SeededGenerator) -> Fault {
        Fault(
            nth: Int.random(in: 1...limit, using: &random),
            action: [.killBefore, .killAfter, .tear].randomElement(using: &random) ?? .killBefore)
    }
}
