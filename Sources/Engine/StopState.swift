/// Whether an active torrent has come to rest, and who waits for that.
struct StopState {
    private var waiters: [CheckedContinuation<Void, Never>] = []
    private(set) var isStopped = false

    /// Adds one that waits until the torrent is at rest. Returns whether it is the first, so that the stop begins now.
    mutating func wait(_ waiter: CheckedContinuation<Void, Never>) -> Bool {
        waiters.append(waiter)
        return waiters.count == 1
    }

    mutating func stopped() {
        isStopped = true
        for waiter in waiters { waiter.resume() }
        waiters = []
    }
}
