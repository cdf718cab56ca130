import Swarm
import Testing
import Torrent

struct AddressBookTests {
    private func address(_ number: Int) -> PeerAddress { PeerAddress(.v4(0x0a00_0000 + UInt32(number)), port: 6881) }

    private func drain(_ book: inout AddressBook, at now: Int64) -> [PeerAddress] {
        var found: [PeerAddress] = []
        while let next = book.next(at: now) { found.append(next) }
        return found
    }

    @Test func undialableAddressesAreIgnored() {
        var book = AddressBook()
        for text in [
            "0.0.0.0:1", "10.0.0.1:0", "224.0.0.1:6881", "255.255.255.255:6881", "[::]:6881", "[ff02::1]:6881",
        ] {
            if let address = PeerAddress(text) { book.learn(address, from: .tracker, at: 0) }
        }
        #expect(book.count == 0)
    }

    /// Law 8: a private torrent takes no peers from anybody but its trackers, whatever else finds peers.
    @Test(arguments: PeerSource.allCases, [false, true])
    func privateTorrentsAcceptPeersOnlyFromAllowedSources(source: PeerSource, isPrivate: Bool) {
        var settings = SwarmSettings()
        settings.isPrivate = isPrivate
        let bench = SwarmBench(settings: settings).started()
        bench.feed { $0.learn([SwarmBench.address(1)], from: source, now: $1) }
        let isOpen: Set<PeerSource> = [.tracker, .manual, .incoming, .history]
        #expect((bench.swarm.book.count == 1) == (isOpen.contains(source) || !isPrivate))
    }

    @Test func worstEntryIsEvictedAtCapacity() {
        var book = AddressBook()
        var good = AddressBook.Entry(address: address(0), source: .history, at: 0)
        good.downloadedBytes = 1 << 30
        book.restore(good)
        for number in 1..<AddressBook.capacity { book.learn(address(number), from: .tracker, at: 10) }
        #expect(book.count == AddressBook.capacity)
        #expect(book.learn(address(5000), from: .tracker, at: 20) == true)
        #expect(book.count == AddressBook.capacity)
        #expect(book[address(0)] != nil && book[address(5000)] != nil && book[address(1)] == nil)
    }

    @Test func bansDoNotFillTheAddressBook() {
        var book = AddressBook()
        for number in 0..<AddressBook.capacity { book.ban(address(number), reason: "lied", at: 0) }
        #expect(book.learn(address(9000), from: .tracker, at: 0) == true)
        #expect(book.count == AddressBook.capacity)
        #expect(!book.isBanned(address(0)) && book.isBanned(address(1)))
    }

    @Test func addressesAreDialledInOrderOfMerit() {
        var book = AddressBook()
        book.learn(address(1), from: .tracker, at: 0)
        var bad = AddressBook.Entry(address: address(2), source: .history, at: 0)
        bad.failures = 2
        var good = AddressBook.Entry(address: address(3), source: .history, at: 0)
        good.downloadedBytes = 50 << 20
        book.restore(bad)
        book.restore(good)
        book.learn(address(4), from: .manual, at: 0)
        book.learn(address(5), from: .pex, at: 0)
        #expect(drain(&book, at: 100) == [4, 3, 1, 5, 2].map(address))
    }

    @Test func failedAddressesBackOffAndAreForgotten() {
        var book = AddressBook()
        book.learn(address(1), from: .tracker, at: 0)
        var now: Int64 = 0
        var tries: [Int64] = []
        while now < 2000, book.count == 1 {
            if let next = book.next(at: now) {
                tries.append(now)
                book.dialFailed(next, at: now)
            }
            now += 1
        }
        #expect(tries.count == AddressBook.maximumFailures)
        #expect(zip(tries, tries.dropFirst()).map { $1 - $0 } == [5, 15, 60, 300])
        #expect(book.count == 0)
    }

    @Test func peersThatCloseAtOnceBackOff() {
        var book = AddressBook()
        book.learn(address(1), from: .tracker, at: 0)
        var tries: [Int64] = []
        for now in 0..<400 as Range<Int64> {
            guard let next = book.next(at: now) else { continue }
            tries.append(now)
            book.connected(next, client: "x", at: now)
            book.disconnected(next, downloaded: 0, uploaded: 0, rate: 0, at: now)
        }
        #expect(zip(tries, tries.dropFirst()).map { $1 - $0 } == [5, 15, 60, 300])
    }

    @Test func usefulPeersAreRedialledSoonAndKept() {
        var book = AddressBook()
        book.learn(address(1), from: .tracker, at: 0)
        _ = book.next(at: 0)
        book.connected(address(1), client: "x", at: 0)
        #expect(book.next(at: 100) == nil)
        book.disconnected(address(1), downloaded: 1 << 20, uploaded: 0, rate: 1000, at: 100)
        #expect(book.next(at: 101) == nil)
        #expect(book.next(at: 105) == address(1))
        for time in 0..<20 as Range<Int64> { book.dialFailed(address(1), at: 1000 + time) }
        #expect(book.count == 1)
    }

    @Test func clockSetBackDoesNotDelayDialling() {
        var book = AddressBook()
        book.learn(address(1), from: .tracker, at: 1_000_000)
        _ = book.next(at: 1_000_000)
        book.dialFailed(address(1), at: 1_000_000)
        #expect(book.next(at: 500) == address(1))
    }

    @Test func banHoldsUntilTheAddressIsAddedManually() {
        var book = AddressBook()
        book.learn(address(1), from: .tracker, at: 0)
        book.ban(address(1), reason: "lied", at: 0)
        book.learn(address(1), from: .pex, at: 0)
        #expect(book.next(at: 1000) == nil)
        #expect(book.banned.map(\.address) == [address(1)])
        book.learn(address(1), from: .manual, at: 2000)
        #expect(book.next(at: 2000) == address(1))
    }

    @Test func incomingPeerIsNotDialledUntilItsPortIsKnown() {
        var book = AddressBook()
        let (port, listening) = (PeerAddress(.v4(0x0a00_0001), port: 40_000), address(1))
        book.ban(port, reason: "lied", at: 0)
        #expect(book.next(at: 100) == nil)
        #expect(book.banReason(ofIncoming: PeerAddress(port.host, port: 50_000)) == "lied")
        #expect(book.banReason(ofIncoming: address(2)) == nil)
        var other = AddressBook()
        other.connected(port, client: "x", at: 0)
        #expect(other.next(at: 100) == nil)
        other.listens(port, at: listening, now: 100)
        #expect(other[port] == nil && other[listening]?.source == .incoming)
        #expect(other.takeChanges().map(\.source) == [.incoming])
        #expect(other.next(at: 100) == nil)
        other.disconnected(listening, downloaded: 1, uploaded: 0, rate: 0, at: 100)
        #expect(other.next(at: 200) == listening)
    }

    @Test func banOfAnEarlierRunHolds() {
        var book = AddressBook()
        var entry = AddressBook.Entry(address: address(1), source: .history, at: 0)
        entry.banReason = "lied"
        book.restore(entry)
        book.learn(address(1), from: .tracker, at: 1)
        #expect(book.next(at: 100) == nil)
        #expect(book.banReason(ofIncoming: address(1)) != nil)
        #expect(book.takeChanges().isEmpty)
    }

    /// A ban follows the peer from the port that it dialled from to the one where it listens, and others of its host
    /// are free again.
    @Test func banMovesToTheListeningAddress() {
        var book = AddressBook()
        let (port, listening) = (PeerAddress(.v4(0x0a00_0001), port: 40_000), address(1))
        book.ban(port, reason: "lied", at: 0)
        book.listens(port, at: listening, now: 1)
        #expect(book.banned.map(\.address) == [listening] && book[listening]?.source == .incoming)
        #expect(book.next(at: 100) == nil)
        #expect(book.banReason(ofIncoming: PeerAddress(port.host, port: 50_000)) == nil)
    }

    /// Where others know an address that only came in before, it is theirs.
    @Test func otherSourcesTakeOverIncomingAddresses() {
        var book = AddressBook()
        book.ban(address(1), reason: "lied", at: 0)
        book.learn(address(1), from: .tracker, at: 1)
        #expect(book[address(1)]?.source == .tracker)
    }

    @Test func ownAddressIsNeverDialled() {
        var book = AddressBook()
        book.learn(address(1), from: .tracker, at: 0)
        _ = book.next(at: 0)
        book.isSelf(address(1))
        #expect(book.learn(address(1), from: .tracker, at: 1) == false)
        #expect(book.next(at: 100) == nil)
    }

    @Test func changesAreReportedOnceAndInOrder() {
        var book = AddressBook()
        for number in [3, 1, 2] { book.learn(address(number), from: .tracker, at: 0) }
        #expect(book.takeChanges().map(\.address) == [3, 1, 2].map(address))
        #expect(book.takeChanges().isEmpty)
        book.hashFailed(address(1))
        #expect(book.takeChanges().map(\.hashFailures) == [1])
    }

    /// Whatever happens, the book stays bounded and deals out nobody twice at a time.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func randomEventsKeepTheBookBounded(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var book = AddressBook()
        var out: Set<PeerAddress> = []
        var now: Int64 = 0
        for _ in 0..<5000 {
            now += Int64.random(in: -2...10, using: &random)
            let some = address(Int.random(in: 1...3000, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1, 2: book.learn(some, from: .pex, at: now)
            case 3:
                if let next = book.next(at: now) { #expect(out.insert(next).inserted, "seed \(seed)") }
            case 4:
                if let gone = out.randomElement(using: &random) {
                    out.remove(gone)
                    if Bool.random(using: &random) {
                        book.dialFailed(gone, at: now)
                    } else {
                        book.connected(gone, client: "", at: now)
                        book.disconnected(gone, downloaded: 1, uploaded: 0, rate: 1, at: now)
                    }
                }
            default:
                if Int.random(in: 0..<20, using: &random) == 0, !out.contains(some) {
                    book.ban(some, reason: "x", at: now)
                }
            }
            #expect(book.count <= AddressBook.capacity, "seed \(seed)")
        }
    }
}
