import Foundation

/// Which of many boundaries a program is killed at.
enum KillChoice {
    /// So many of the boundaries as `PIECES_KILLS` says, else the `usual` number, spread evenly over all.
    static func some<Boundary>(of all: [Boundary], usual: Int) -> [Boundary] {
        let wanted = min(all.count, setting("PIECES_KILLS") ?? usual)
        return (0..<wanted).map { all[$0 * all.count / wanted] }
    }

    /// Dies at each of the boundaries, `atOnce` at a time, and returns what came of it, in any order.
    static func die<Boundary: Sendable, Outcome: Sendable>(
        at boundaries: [Boundary], atOnce: Int, _ die: @escaping @Sendable (Boundary) async throws -> Outcome
    ) async throws -> [Outcome] {
        try await withThrowingTaskGroup(of: Outcome.self) { group in
            var rest = boundaries[...]
            func begin() {
                guard let boundary = rest.popFirst() else { return }
                group.addTask { try await die(boundary) }
            }
            for _ in 0..<atOnce { begin() }
            var outcomes: [Outcome] = []
            for try await outcome in group {
                outcomes.append(outcome)
                begin()
            }
            return outcomes
        }
    }

    static func setting(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }
}
