import CrashLab
import TestSupport
import Testing

/// In every state that a power cut may leave, the database opens, what it claims is on the disk, and a session goes on
/// from there.
///
/// `PIECES_CRASH_STATES=10000 swift test --filter CrashTests` looks at more of them, `PIECES_CRASH_SEED=…` at others.
@Suite(.serialized) struct CrashTests {
    /// Part of the states that are looked at in runs from an empty folder; the others are in the middle of a recovery.
    private static let firstShare = 0.7

    @Test(arguments: Campaign.scenarios) func aPowerCut(scenario: Scenario) async throws {
        for (seed, states) in Campaign.runs(share: Self.firstShare / Double(Campaign.scenarios.count)) {
            try await survey(try await scenario.record(seed: seed), states)
        }
    }

    /// The power goes, and goes again while a session recovers; or the process is killed, and the power goes while the
    /// next one recovers.
    @Test(arguments: Campaign.scenarios, [false, true]) func anotherInTheMiddleOfTheRecovery(
        scenario: Scenario, isKill: Bool
    ) async throws {
        for (seed, states) in Campaign.runs(share: (1 - Self.firstShare) / Double(2 * Campaign.scenarios.count)) {
            let first = try await scenario.record(seed: seed)
            try await survey(try await scenario.record(after: first, first.stateInTheMiddle, isKill: isKill), states)
        }
    }

    private func survey(_ run: RecordedRun, _ states: Range<Int>) async throws {
        let report = try await Survey(run, resumesEvery: Campaign.resumesEvery).report(states)
        for fault in report.faults { Issue.record("\(run.name), \(fault)\n\(try Campaign.replay(run, fault.state))") }
        #expect(
            !report.faults.isEmpty || report.claimed > 0, "\(run.name): no state claims anything, so nothing was shown")
        print("\(run.name): \(report.states) states, \(report.resumed) resumed, \(report.claimed) claims")
    }
}

/// Looks at one state again, with the line that a failed test printed.
@Suite struct ReplayTests {
    @Test(.enabled(if: Campaign.replayed != nil)) func theStateAgain() async throws {
        let (file, state) = try #require(Campaign.replayed)
        let run = try RunFile.read(file)
        let report = try await Survey(run, resumesEvery: 1).report([state])
        for fault in report.faults { Issue.record("\(run.name), \(fault)") }
    }
}
