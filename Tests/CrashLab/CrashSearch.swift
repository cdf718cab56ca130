import Glibc
package import SystemPackage

/// How much is looked at, from the environment: the same tests are a part of every change and, with more states, a
/// night's work.
///
/// - `PIECES_CRASH_STATES`: states in all scenarios together, 400 where nothing is said.
/// - `PIECES_CRASH_SCENARIO`: the name of the only scenario.
/// - `PIECES_CRASH_SEED`: the first seed, 1 where nothing is said.
package enum CrashSearch {
    /// States of one recorded run: more of them find less that is new than another run does.
    private static let statesPerRun = 150
    /// One state in so many is resumed by a session.
    package static let resumesEvery = 3

    package static let states = number("PIECES_CRASH_STATES") ?? 400
    /// All scenarios, or the one that `PIECES_CRASH_SCENARIO` names.
    package static let scenarios =
        getenv("PIECES_CRASH_SCENARIO").map { String(cString: $0) }.map { name in
            Scenario.all.filter { $0.name == name }
        }
        ?? Scenario.all
    package static let seed = UInt64(number("PIECES_CRASH_SEED") ?? 1)

    /// Which states of a scenario are looked at, a list for each run, when `share` of all states are its.
    package static func runs(share: Double) -> [(seed: UInt64, states: Range<Int>)] {
        let wanted = max(1, Int((Double(states) * share).rounded(.up)))
        let runs = (wanted + statesPerRun - 1) / statesPerRun
        return (0..<runs).map { n in (seed &+ UInt64(n), 0..<(wanted * (n + 1) / runs - wanted * n / runs)) }
    }

    /// Keeps the run, and gives the line that looks at this state of it again.
    package static func replay(_ run: RecordedRun, _ state: Int) throws -> String {
        let name =
            "pieces-crash-\(run.name.split(separator: " ").joined(separator: "-"))-\(run.seed)-\(run.first)-\(getpid()).run"
        let path = FilePath("/tmp").appending(name)
        try RunFile.write(run, to: path)
        return "PIECES_CRASH_RUN=\(path) PIECES_CRASH_STATE=\(state) swift test --filter CrashTests.ReplayTests"
    }

    /// The recorded run and the state that are to be looked at again.
    package static var replayed: (run: FilePath, state: Int)? {
        guard let run = getenv("PIECES_CRASH_RUN"), let state = number("PIECES_CRASH_STATE") else { return nil }
        return (FilePath(String(cString: run)), state)
    }

    private static func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }
}
