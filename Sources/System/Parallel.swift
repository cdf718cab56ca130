import Glibc

/// Numbered parts of a work, done on several cores.
package enum Parallel {
    /// The number of threads that share a work: one for each core, and no more than a list pays for.
    package static var width: Int { max(1, min(4, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// The results of `part` for `0..<count`, in this order. This thread works too, and does everything where no other
    /// can be started.
    package static func map<Part: Sendable>(_ count: Int, _ part: @escaping @Sendable (Int) -> Part) -> [Part] {
        let parts = Parts<Part>(count)
        let work: @Sendable () -> Void = {
            while let number = parts.claim() { parts.put(part(number), at: number) }
        }
        let threads = SystemThread.startJoinable(min(width, count) - 1, work)
        work()
        for thread in threads { thread.join() }
        return parts.all.compactMap { $0 }
    }
}

/// The numbered parts of a work: each is claimed by one thread, which puts its result in the place.
package final class Parts<Part: Sendable>: Sendable {
    private struct State {
        var next = 0
        var parts: [Part?]
    }

    private let state: Monitor<State>

    package init(_ count: Int) { state = Monitor(State(parts: [Part?](repeating: nil, count: count))) }

    /// The number of a part that no thread works on; `nil` if there is none.
    package func claim() -> Int? {
        var claimed: Int?
        state.change { state in
            guard state.next < state.parts.count else { return .nothing }
            claimed = state.next
            state.next += 1
            return .nothing
        }
        return claimed
    }

    package func put(_ part: Part, at number: Int) {
        state.change { state in
            state.parts[number] = part
            return .nothing
        }
    }

    /// Leaves nothing to claim.
    package func abandon() {
        state.change { state in
            state.next = state.parts.count
            return .nothing
        }
    }

    /// The results so far; `nil` where there is none.
    package var all: [Part?] { state.read { $0.parts } }
}
