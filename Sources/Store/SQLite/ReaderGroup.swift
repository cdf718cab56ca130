import System
import SystemPackage

/// Threads with connections of their own, which read exactly what a transaction of one connection, the leader's, reads.
///
/// SQLite can open a snapshot twice only if it was built for that, and Debian's wasn't. So each reader notes its data
/// version before the leader's transaction begins, and compares it in a transaction of its own after that. Where they
/// are equal, nothing was committed between the two, and so nothing between either of them and the beginning of the
/// leader's. Where they differ, the reader does nothing: the leader does the work alone.
package final class ReaderGroup: Sendable {
    package typealias Work = @Sendable (Connection) -> Void

    private struct State {
        /// Readers that have not noted their data version yet.
        var opening: Int
        /// Readers that may still do some of the work.
        var working: Int
        var work: Work?
        var isOver = false
    }

    private let state: Monitor<State>
    private let threads: [SystemThread]

    /// Opens connections like the leader, whose transaction must not have begun. `nil` where the leader itself reads
    /// without locks, and so can't be sure of a moment.
    package init?(_ leader: Connection, count: Int) {
        guard leader.isLocked, leader.transactionDepth == 0, count > 0 else { return nil }
        let state = Monitor(State(opening: count, working: count))
        let (path, options) = (leader.path, leader.options)
        let threads = SystemThread.startJoinable(count) { Self.read(path, options, state) }
        state.change { state in
            state.opening -= count - threads.count
            state.working -= count - threads.count
            return .nothing
        }
        self.state = state
        self.threads = threads
        // The leader's transaction may begin when all have noted their version.
        state.wait { $0.opening == 0 ? () : nil }
    }

    /// Lets the readers begin. The leader is in its transaction.
    package func begin(_ work: @escaping Work) {
        state.change { state in
            state.work = work
            return .all
        }
    }

    /// Waits until no reader works.
    package func wait() { state.wait { $0.working == 0 ? () : nil } }

    /// Ends the readers, and waits for the ends of their threads.
    package func end() {
        state.change { state in
            state.isOver = true
            return .all
        }
        for thread in threads { thread.join() }
    }

    private static func read(_ path: FilePath, _ options: DatabaseOptions, _ state: Monitor<State>) {
        var isOpening = true
        func opened() {
            guard isOpening else { return }
            isOpening = false
            state.change { state in
                state.opening -= 1
                return .all
            }
        }
        do throws(StoreError) {
            let connection = try Connection(path, mode: .readOnly, options: options)
            let version = try connection.dataVersion()
            opened()
            if connection.isLocked, let work = work(state) {
                try connection.transaction(.deferred) { () throws(StoreError) in
                    if try connection.dataVersion() == version { work(connection) }
                }
            }
        } catch {
            // The leader meets the same obstacle, and reports it.
            opened()
        }
        state.change { state in
            state.working -= 1
            return .all
        }
    }

    /// Waits for the work; `nil` if there is none.
    private static func work(_ state: Monitor<State>) -> Work? {
        state.wait { state -> Work?? in state.isOver ? .some(nil) : state.work.map { .some($0) } }
    }
}
