import Glibc

/// A value behind a lock, with threads that wait until it has changed: a mutex and a condition variable.
///
/// `@unchecked Sendable`: `value` is used under `mutex` only, which has to be a pthread one for a condition variable.
package final class Monitor<Value>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: Value

    package init(_ value: sending Value) {
        self.value = value
        // With default attributes neither can fail on Linux (pthread_mutex_init(3p), pthread_cond_init(3p)).
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// What a change means for the threads that wait.
    package enum Wake {
        case nothing, one, all
    }

    /// Changes the value, and wakes the threads that `body` names. `body` must not block.
    @discardableResult
    package func change(_ body: (inout Value) -> Wake) -> Wake {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        let wake = body(&value)
        switch wake {
        case .nothing: break
        case .one: pthread_cond_signal(condition)
        case .all: pthread_cond_broadcast(condition)
        }
        return wake
    }

    package func read<Result>(_ body: (Value) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(value)
    }

    /// Waits until `body` returns a value. It is called again after each change that wakes this thread.
    package func wait<Result>(_ body: (inout Value) -> Result?) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            pthread_cond_wait(condition, mutex)
        }
    }
}
