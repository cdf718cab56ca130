import Swarm
import Testing
import Torrent

struct PieceStatesTests {
    private static let count = 12
    private static let geometry = Geometry(
        totalBytes: Int64(count * 2 * Geometry.blockLength), pieceLength: 2 * Geometry.blockLength)!

    private static func states(have: [Int] = [], unverified: [Int] = [], wanted: Bitfield? = nil) -> PieceStates {
        var plan = ResumePlan(
            ResumePlan.Input(
                have: Bitfield(count, have), intents: Bitfield(count: count), files: [], stoppedCleanly: true,
                aliveUntilNs: nil))
        plan.unverified = Bitfield(count, unverified)
        plan.trusted.subtract(plan.unverified)
        return PieceStates(
            geometry: geometry, plan: plan, recorded: Bitfield(count, have), intents: Bitfield(count: count),
            wanted: wanted ?? Bitfield(fullCount: count), padding: [:])
    }

    @Test func pieceGoesFromAbsentToRecorded() {
        var random = SeededGenerator(seed: 1)
        var states = Self.states()
        states.restoredAll(using: &random)
        let index = PieceIndex(3)
        #expect(states.state(of: index) == .absent && states.picker.candidates[index])
        let piece = states.activated(index, now: .origin)
        #expect(states.state(of: index) == .active && !states.picker.candidates[index])
        #expect(states.takeIntents(ahead: 2, .rarestFirst, except: []).first == index)
        #expect(!states.intents.recorded[index] && states.intents.pending[index])
        states.intentRecorded(index)
        #expect(states.intents.recorded[index])
        piece.verificationBegan()
        #expect(states.state(of: index) == .verifying)
        states.passed(piece)
        #expect(states.state(of: index) == .written && states.have[index] && !states.recorded[index])
        states.recorded([index], closed: [])
        #expect(states.state(of: index) == .recorded && !states.intents.recorded[index])
    }

    @Test func unverifiedPieceIsNeitherPresentNorACandidate() {
        var random = SeededGenerator(seed: 2)
        var states = Self.states(have: [0, 1], unverified: [1, 2])
        states.restoredAll(using: &random)
        #expect(states.recorded.numbers == [0] && states.have.numbers == [0])
        #expect(!states.picker.candidates[PieceIndex(1)] && !states.picker.candidates[PieceIndex(2)])
        #expect(states.recheckBegan().map(\.value) == [1, 2])
        states.rechecked(good: PieceIndex(1))
        #expect(states.state(of: PieceIndex(1)) == .written)
        #expect(!states.rechecked(bad: PieceIndex(2), isMissing: true, using: &random))
        #expect(states.state(of: PieceIndex(2)) == .absent && states.picker.candidates[PieceIndex(2)])
        // Pieces that become unverified now are left to the next recheck.
        #expect(states.mustBeRechecked(Bitfield(Self.count, [0])).map(\.value) == [0])
        #expect(states.recheck.isIncomplete && states.recorded.isEmpty)
    }

    /// Whatever happens in whatever order, each piece stays in one state and the candidates are right.
    @Test(arguments: 0..<20 as Range<UInt64>) func transitionsKeepTheInvariants(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var states = Self.states(have: [0, 1, 2], unverified: [2, 3])
        states.restoredAll(using: &random)
        for step in 0..<2000 {
            let index = PieceIndex(Int.random(in: 0..<Self.count, using: &random))
            let active = states[index]
            switch (states.state(of: index), Int.random(in: 0..<4, using: &random)) {
            case (.absent, _): states.activated(index, now: .origin)
            case (.active, 0), (.verifying, 0): states.failed(active!, using: &random)
            case (.active, 1), (.verifying, 1): states.passedUnsynced(active!)
            case (.active, 2): states.abandoned(active!, using: &random)
            case (.active, _), (.verifying, _): states.passed(active!)
            case (.written, 0): states.lostSync(index)
            case (.written, 1), (.recorded, 1): _ = states.mustBeRechecked(Bitfield(Self.count, [index.value]))
            case (.written, _): states.recorded([index], closed: [])
            case (.recorded, _): states.lost(index, using: &random)
            case (.unverified, 0), (.unverified, 1): states.rechecked(good: index)
            case (.unverified, _): _ = states.rechecked(bad: index, isMissing: false, using: &random)
            }
            if step % 50 == 0 {
                let wanted = (0..<Self.count).filter { _ in Bool.random(using: &random) }
                states.selected(Bitfield(Self.count, wanted), using: &random)
            }
            #expect(states.faults.isEmpty, "seed \(seed), step \(step): \(states.faults)")
        }
    }
}
