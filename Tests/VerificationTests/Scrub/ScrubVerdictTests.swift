import Testing
import Verification

/// The table of verdicts: what the fingerprint and the hash say together.
@Suite struct ScrubVerdictTests {
    typealias Evidence = ScrubEvidence

    struct Case: Sendable, CustomTestStringConvertible {
        let files: Evidence.Files
        let first: Evidence.Reading
        var second: Evidence.Reading?
        let verdict: ScrubVerdict

        var testDescription: String { "\(files), \(first), \(second.map { "\($0)" } ?? "–"): \(verdict)" }
    }

    static let cases: [Case] = [
        Case(files: .same, first: .good, verdict: .good),
        Case(files: .same, first: .bad, verdict: .readAgain),
        Case(files: .same, first: .bad, second: .good, verdict: .transient),
        Case(files: .same, first: .bad, second: .bad, verdict: .rot),
        Case(files: .same, first: .short, verdict: .readAgain),
        Case(files: .same, first: .short, second: .short, verdict: .rot),
        Case(files: .same, first: .unreadable, verdict: .readAgain),
        Case(files: .same, first: .unreadable, second: .good, verdict: .transient),
        Case(files: .same, first: .unreadable, second: .unreadable, verdict: .unreadable),
        Case(files: .same, first: .unreadable, second: .bad, verdict: .rot),
        Case(files: .same, first: .bad, second: .unreadable, verdict: .unreadable),
        Case(files: .same, first: .failed, verdict: .unknown),
        Case(files: .same, first: .bad, second: .failed, verdict: .unknown),
        Case(files: .differ, first: .good, verdict: .touched),
        Case(files: .differ, first: .bad, verdict: .readAgain),
        Case(files: .differ, first: .bad, second: .bad, verdict: .edit),
        Case(files: .differ, first: .bad, second: .good, verdict: .transient),
        Case(files: .differ, first: .short, second: .short, verdict: .edit),
        Case(files: .differ, first: .unreadable, second: .unreadable, verdict: .unreadable),
        Case(files: .otherLength, first: .good, verdict: .touched),
        Case(files: .otherLength, first: .short, second: .short, verdict: .edit),
        Case(files: .otherLength, first: .bad, second: .bad, verdict: .edit),
        Case(files: .gone, first: .short, verdict: .missing),
        Case(files: .gone, first: .failed, verdict: .missing),
        Case(files: .beingWritten, first: .bad, verdict: .unknown),
        Case(files: .beingWritten, first: .good, verdict: .good),
    ]

    @Test(arguments: cases) func evidenceHasItsVerdict(one: Case) {
        #expect(ScrubVerdict(Evidence(files: one.files, first: one.first, second: one.second)) == one.verdict)
    }

    /// No evidence but a second reading takes a claim, unless the file is gone; and an edit never becomes rot, which
    /// would be overwritten.
    @Test func claimsAreTakenOnlyOnASecondReading() {
        for files in Evidence.Files.allCases {
            for first in Evidence.Reading.allCases {
                let alone = ScrubVerdict(Evidence(files: files, first: first))
                #expect(![.rot, .unreadable, .edit].contains(alone))
                for second in Evidence.Reading.allCases {
                    let verdict = ScrubVerdict(Evidence(files: files, first: first, second: second))
                    #expect(verdict != .readAgain)
                    if files == .differ || files == .otherLength { #expect(verdict != .rot) }
                    if second == .good { #expect(![.rot, .unreadable, .edit].contains(verdict) || files == .gone) }
                }
            }
        }
    }
}
