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

    @Test(arguments: CrashSearch.scenarios) func claimsSurviveAPowerCut(scenario: Scenario) async throws {
        for (seed, states) in CrashSearch.runs(share: Self.firstShare / Double(CrashSearch.scenarios.count)) {
            try await survey(try await scenario.record(seed: seed), states)
        }
    }

    /// The power goes, and goes again while a session recovers; or the process is killed, and the power goes while the
    /// next one recovers.
    @Test(arguments: CrashSearch.scenarios, [false, true]) func claimsSurviveAPowerCutDuringRecovery(
        scenario: Scenario, isKill: Bool
    ) async throws {
        for (seed, states) in CrashSearch.runs(share: (1 - Self.firstShare) / Double(2 * CrashSearch.scenarios.count)) {
            let first = try await scenario.record(seed: seed)
            try await survey(try await scenario.record(after: first, first.stateInTheMiddle, isKill: isKill), states)
        }
    }

    private func survey(_ run: RecordedRun, _ states: Range<Int>) async throws {
        let report = try await CrashStateChecker(run, resumesEvery: CrashSearch.resumesEvery).report(states)
        for fault in report.faults {
            Issue.record("\(run.name), \(fault)\n\(try CrashSearch.replay(run, fault.state))")
        }
        #expect(
            !report.faults.isEmpty || report.claimed > 0, "\(run.name): no state claims anything, so nothing was shown")
        print("\(run.name): \(report.states) states, \(report.resumed) resumed, \(report.claimed) claims")
    }
}

/// Looks at one state again, with the line that a failed test printed.
@Suite struct ReplayTests {
    @Test(.enabled(if: CrashSearch.replayed != nil)) func savedStateIsReplayed() async throws {
        let (file, state) = try #require(CrashSearch.replayed)
        let run = try RunFile.read(file)
        let report = try await CrashStateChecker(run, resumesEvery: 1).report([state])
        for fault in report.faults { Issue.record("\(run.name), \(fault)") }
    }
}
