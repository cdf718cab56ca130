import CrashLab
import TestSupport
import Testing

@Suite(.serialized) struct CrashTests {
    @Test(arguments: Scenario.all) func survives(scenario: Scenario) async throws {
        let clock = ContinuousClock()
        var run: RecordedRun?
        let recorded = try await clock.measure { run = try await scenario.record(seed: 1) }
        let known = try #require(run)
        print("recorded \(known.entries.count) in \(recorded)")
        var report = Survey.Report()
        let time = try await clock.measure { report = try await Survey(known).report(0..<100) }
        print("\(report.states) states, \(report.claimed) claims in \(time)")
        for fault in report.faults { Issue.record("\(scenario): \(fault)") }
        let time2 = try await clock.measure { report = try await Survey(known, resumesEvery: 1).report(100..<120) }
        print("\(report.states) states, resumed \(report.resumed) \(report.claimed) claims in \(time2)")
        for fault in report.faults { Issue.record("\(scenario): \(fault)") }
    }
}
