import CrashLab
import Disk
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The harness bites: a product, or a disk, that breaks the order of things is found out.
@Suite(.serialized) struct MutationTests {
    /// States of one run that are looked at, and the runs, before a mutation counts as not found: where the machine is
    /// slow, a run has fewer commits that could be wrong.
    private static let limit = 400
    private static let seeds: ClosedRange<UInt64> = 5...8

    @Test(arguments: Mutation.allCases) func everyMutationIsDetected(mutation: Mutation) async throws {
        for scenario in mutation.scenarios {
            var (states, isFound) = (0, false)
            for seed in Self.seeds where !isFound {
                let run = try await scenario.record(seed: seed)
                let report = try await CrashStateChecker(run, disk: mutation.mutated(run, seed: seed)).report(
                    0..<Self.limit, enough: 1)
                states += report.states
                isFound = !report.faults.isEmpty
            }
            #expect(isFound, "\(mutation): \(states) states of “\(scenario)” and nothing was found")
        }
    }
}

/// What a session makes of a file whose size isn't what was recorded, and that the harness sees when it trusts one.
@Suite struct WrongSizeTests {
    /// A complete download, of which the disk then lost the end of one file: damage that no cut does.
    private static func damaged() async throws -> (RecordedRun, DiskState, Claims, Node) {
        let run = try await Scenario.checkpoints.record(seed: 3)
        var model = DiskModel()
        for entry in run.entries { model.apply(entry) }
        let whole = model.after(.everything)
        let path = [CrashSite.outputName, "checkpointed", "file2"]
        let (file, found) = (try #require(whole.node(path)), try #require(whole.file(path)))
        model.apply(LogEntry(.max - 1, .resize(file, length: 100_000, at: found.modified)))
        return (run, model.after(.everything), try await Claims(whole, run.parts), file)
    }

    @Test func wrongFileSizeIsNoticed() async throws {
        let (run, disk, claims, _) = try await Self.damaged()
        let faults = try await Recovery(run.parts, wakesAll: true).faults(finding: disk, claims)
        // A file of another length is an edit: the bytes are kept, what is good is served, and the user decides.
        let words = "complete except for 20 damaged pieces, which are kept"
        #expect(faults.count == 1 && faults.allSatisfy { $0.contains(words) }, "\(faults)")
    }

    @Test func trustingAWrongFileSizeIsDetected() async throws {
        let (run, disk, claims, file) = try await Self.damaged()
        let lie: RecordedDisk.Lie = { node, status in
            guard node == file else { return status }
            return FileStatus(
                kind: status.kind, size: 400_000, allocated: status.allocated, modified: status.modified,
                identity: status.identity)
        }
        let faults = try await Recovery(run.parts, wakesAll: true, lie: lie).faults(finding: disk, claims)
        #expect(faults.contains { $0.contains("claimed and not right") }, "\(faults)")
    }
}
