import NIOCore

/// Tracks database writes that only the end of the session waits for: log events, states, bans.
///
/// `@unchecked Sendable`: it is confined to the event loop that all torrents share.
final class BackgroundWrites: @unchecked Sendable {
    private let loop: any EventLoop
    private var underWay = 0
    private var waiters: [CheckedContinuation<Void, Never>] = []

    init(loop: any EventLoop) { self.loop = loop }

    func began() {
        loop.assertInEventLoop()
        underWay += 1
    }

    func ended() {
        loop.assertInEventLoop()
        underWay -= 1
        guard underWay == 0 else { return }
        for waiter in waiters { waiter.resume() }
        waiters = []
    }

    /// Returns when no write is under way.
    func drain(isolation: isolated (any Actor)? = #isolation) async {
        guard underWay > 0 else { return }
        await withCheckedContinuation { waiters.append($0) }
    }
}
