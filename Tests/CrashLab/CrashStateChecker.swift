import Store
import Torrent

/// Looks at states of one run, in the order of their positions, and says what is wrong with them.
package struct CrashStateChecker: Sendable {
    package struct Report: Sendable {
        package var states = 0
        package var resumed = 0
        /// Pieces and blocks of others that were claimed, in all states together: a survey of states that claim nothing
        /// shows nothing.
        package var claimed = 0
        package var faults: [Fault] = []

        package init() {}
    }

    package struct Fault: Sendable, CustomStringConvertible {
        package let state: Int
        package let position: Int
        package let lines: [String]

        package var description: String {
            "state \(state) (cut after \(position) operations): \(lines.joined(separator: "; "))"
        }
    }

    /// Sessions that resume at once.
    private static let width = 3

    private let run: RecordedRun
    /// What the disk did; another than the run's when a mutation changed it.
    private let disk: RecordedRun
    private let lie: RecordedDisk.Lie?
    private let resumesEvery: Int

    /// Resumes every `resumesEvery`th state; none where it is 0. `disk` is the run as a mutation made it, of as many
    /// entries.
    package init(_ run: RecordedRun, disk: RecordedRun? = nil, resumesEvery: Int = 0, lie: RecordedDisk.Lie? = nil) {
        self.run = run
        self.disk = disk ?? run
        self.resumesEvery = resumesEvery
        self.lie = lie
        precondition(self.disk.entries.count == run.entries.count)
    }

    /// Looks at the states of these numbers, until there are `enough` faults.
    package func report(_ numbers: some Sequence<Int>, enough: Int = 5) async throws -> Report {
        let states = numbers.map { disk.state($0) }.sorted { ($0.position, $0.number) < ($1.position, $1.number) }
        var report = Report()
        var model = DiskModel()
        var believed = Believed(run)
        var applied = 0
        try await withThrowingTaskGroup(of: Fault?.self) { group in
            var resuming = 0
            for state in states where report.faults.count < enough {
                while applied < state.position {
                    model.apply(disk.entries[applied])
                    applied += 1
                }
                report.states += 1
                let found = model.after(state.cut)
                let earlier = try await believed.claims(before: state.position)
                let (claims, lines) = await look(found, earlier)
                report.claimed += claims?.torrents.values.reduce(0) { $0 + $1.have.population + $1.blocks.count } ?? 0
                if !lines.isEmpty {
                    report.faults.append(Fault(state: state.number, position: state.position, lines: lines))
                }
                guard resumesEvery > 0, let claims, lines.isEmpty, state.number % resumesEvery == 0 else { continue }
                let recovery = Recovery(run.parts, wakesAll: state.number % 2 == 1, lie: lie)
                if resuming == Self.width {
                    if let fault = try await group.next() ?? nil { report.faults.append(fault) }
                    resuming -= 1
                }
                resuming += 1
                report.resumed += 1
                group.addTask {
                    let lines = try await recovery.faults(finding: found, claims)
                    return lines.isEmpty ? nil : Fault(state: state.number, position: state.position, lines: lines)
                }
            }
            for try await fault in group { if let fault { report.faults.append(fault) } }
        }
        return report
    }

    private func look(_ found: DiskState, _ earlier: Claims) async -> (Claims?, [String]) {
        do {
            let claims = try await Claims(found, run.parts, mends: run.mends)
            return (
                claims,
                claims.unfounded(on: found, run.parts)
                    + claims.lost(since: earlier, run.parts, mayBeRemoved: run.removes)
            )
        } catch {
            return (nil, ["\(error)"])
        }
    }
}

/// What the session may believe to be recorded: what the database on the unchanged disk claims after a cut that spares
/// only what was synced.
private struct Believed {
    private let run: RecordedRun
    private var model = DiskModel()
    private var applied = 0
    private var isKnown = false
    private var claims = Claims.none

    init(_ run: RecordedRun) { self.run = run }

    /// Asked for positions that only grow.
    mutating func claims(before position: Int) async throws -> Claims {
        while applied < position {
            model.apply(run.entries[applied])
            switch run.entries[applied].operation {
            case .syncFile(_, _, .database), .syncWhole(_, _, .database), .syncDirectory(_, _, .database), .powerCut:
                isKnown = false
            default: break
            }
            applied += 1
        }
        if !isKnown {
            claims = try await Claims(model.after(.onlySynced), run.parts, mends: run.mends)
            isKnown = true
        }
        return claims
    }
}
