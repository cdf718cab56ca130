import Synchronization
import System
import Testing

@Suite struct MonitorTests {
    /// Each item that several threads put in is taken out once, and every thread ends.
    @Test func everyItemIsTakenOnce() throws {
        struct State {
            var items: [Int] = []
            var isClosed = false
        }
        let monitor = Monitor(State())
        let taken = Mutex<[Int]>([])
        let takers = try (0..<3).map { _ in
            try SystemThread.startJoinable {
                while let item = monitor.wait({ state -> Int?? in
                    if let item = state.items.popLast() { return .some(item) }
                    return state.isClosed ? .some(nil) : nil
                }) {
                    taken.withLock { $0.append(item) }
                }
            }
        }
        let givers = try (0..<3).map { giver in
            try SystemThread.startJoinable {
                for number in 0..<1000 {
                    monitor.change { state in
                        state.items.append(giver * 1000 + number)
                        return .one
                    }
                }
            }
        }
        for thread in givers { thread.join() }
        monitor.change { state in
            state.isClosed = true
            return .all
        }
        for thread in takers { thread.join() }
        #expect(taken.withLock { $0.sorted() } == Array(0..<3000))
        #expect(monitor.read { $0.items.isEmpty })
    }
}
