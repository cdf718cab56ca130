import Synchronization

/// Cancels a long operation, which checks the token between two chunks.
package final class CancelToken: Sendable {
    private let flag = Atomic(false)

    package init() {}

    package var isCancelled: Bool { flag.load(ordering: .relaxed) }
    package func cancel() { flag.store(true, ordering: .relaxed) }
}
