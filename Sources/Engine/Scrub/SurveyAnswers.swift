import Store
import Synchronization

/// The answers of volumes that are asked at once for their disks.
final class SurveyAnswers: Sendable {
    private struct State {
        var waiting: Set<VolumeID>
        var devices: [VolumeID: Set<String>] = [:]
        var isEnded = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>

    init(_ volumes: [VolumeID]) { state = Mutex(State(waiting: Set(volumes))) }

    /// The disks of the volumes that have answered and are there.
    var devices: [VolumeID: Set<String>] { state.withLock { $0.devices } }

    /// `names` is `nil` if the volume isn't there.
    func answered(_ volume: VolumeID, _ names: Set<String>?) {
        let isLast = state.withLock { state in
            guard !state.isEnded, state.waiting.remove(volume) != nil else { return false }
            state.devices[volume] = names
            return state.waiting.isEmpty
        }
        if isLast { end() }
    }

    /// Answers that come later don't count.
    func end() {
        let waiter = state.withLock { state in
            state.isEnded = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns when all have answered, or at ``end()``.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                guard !state.isEnded, !state.waiting.isEmpty else { return true }
                state.waiter = continuation
                return false
            }
            if isOver { continuation.resume() }
        }
    }
}
