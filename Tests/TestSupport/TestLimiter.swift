import NIOCore
import Synchronization
package import Testing

/// How many of the tests that share the machine run at once, by its cores; those that measure time run alone among
/// them.
///
/// Whole engines with sockets, threads and disks are no light tests: too many at once and each waits for the others'
/// work.
package final class TestLimiter: Sendable {
    private struct State {
        var running = 0
        var isOneAlone = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        var waitingAlone: [CheckedContinuation<Void, Never>] = []

        /// Who may begin now. Those that want to be alone come last, one after the other: between the others each would
        /// make all of them wait.
        mutating func next(_ size: Int) -> [CheckedContinuation<Void, Never>] {
            guard !isOneAlone else { return [] }
            if waiting.isEmpty, running == 0, !waitingAlone.isEmpty {
                isOneAlone = true
                running = 1
                return [waitingAlone.removeFirst()]
            }
            let count = min(size - running, waiting.count)
            running += count
            defer { waiting.removeFirst(count) }
            return Array(waiting.prefix(count))
        }
    }

    package static let shared = TestLimiter(size: max(4, 2 * System.coreCount + 2))

    private let size: Int
    private let state = Mutex(State())

    private init(size: Int) { self.size = size }

    fileprivate func enter(isAlone: Bool) async {
        await withCheckedContinuation { continuation in
            begin { state in
                if isAlone { state.waitingAlone.append(continuation) } else { state.waiting.append(continuation) }
            }
        }
    }

    fileprivate func leave() {
        begin { state in
            state.running -= 1
            state.isOneAlone = false
        }
    }

    private func begin(_ change: (inout State) -> Void) {
        let next = state.withLock { state in
            change(&state)
            return state.next(size)
        }
        for continuation in next { continuation.resume() }
    }
}

/// Lets a test begin when there is room for it.
package struct TestLimiterTrait: TestTrait, SuiteTrait, TestScoping {
    fileprivate let isAlone: Bool

    package var isRecursive: Bool { true }

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        // Suites have no case, and no work of their own.
        guard testCase != nil else { return try await function() }
        await TestLimiter.shared.enter(isAlone: isAlone)
        defer { TestLimiter.shared.leave() }
        try await function()
    }
}

extension Trait where Self == TestLimiterTrait {
    /// One of a few that run at once.
    package static var crowded: TestLimiterTrait { TestLimiterTrait(isAlone: false) }
    /// The only one of those that run at once: it measures time.
    package static var alone: TestLimiterTrait { TestLimiterTrait(isAlone: true) }
}
