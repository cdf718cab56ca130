import Net
import Synchronization
import Testing
import Torrent

/// Addresses that come and go.
struct NetworkWatchTests {
    private static let interval = Duration.seconds(15)
    private static let home = PeerAddress.Host("192.168.1.7")!
    private static let train = PeerAddress.Host("10.3.2.1")!
    private static let v6 = PeerAddress.Host("2001:db8::7")!

    @Test func changeIsReportedOnceForItsFamily() {
        let addresses = Mutex<Set<PeerAddress.Host>?>([Self.home])
        // The clock of the system hardly moves, so the steps are shorter than what a suspended machine misses.
        var now = Instant.origin
        var watch = NetworkWatch(now: now) { addresses.withLock(\.self) }
        func look() -> Set<AddressFamily>? {
            now = now + Self.interval
            return watch.change(every: Self.interval, now: now)
        }
        #expect(look() == nil)
        addresses.withLock { $0 = [Self.train] }
        #expect(watch.change(every: Self.interval, now: now + .seconds(1)) == nil, "it isn't time yet")
        #expect(look() == [.v4])
        #expect(look() == nil)
        addresses.withLock { $0 = [Self.train, Self.v6] }
        #expect(look() == [.v6])
        // The system doesn't answer: nothing is known to have changed.
        addresses.withLock { $0 = nil }
        #expect(look() == nil)
        addresses.withLock { $0 = [Self.home] }
        #expect(look() == [.v4, .v6])
        addresses.withLock { $0 = [] }
        #expect(look() == [.v4])
    }

    @Test func suspensionChangesBothFamilies() {
        var watch = NetworkWatch(now: .origin) { [Self.home] }
        #expect(watch.change(every: Self.interval, now: .origin + .seconds(3600)) == [.v4, .v6])
    }
}
