import Swarm
import SwarmLab
import Testing
import Torrent

/// Scripts of events for the fetch of metadata.
@Suite struct MetadataFetchTests {
    private typealias Bench = MetadataBench

    /// The last block of an exact multiple is whole, not empty.
    @Test(arguments: [1, 16383, 16384, 16385, 32768, 5 << 20]) func metadataOfAnySizeIsFetchedFromOnePeer(size: Int) {
        var bench = Bench(size: size)
        let peer = bench.connect()
        bench.offer(peer, size)
        bench.serveAll()
        #expect(bench.isDone)
        #expect(bench.requests[peer]?.count == (size + 16383) / 16384)
        #expect(bench.mostOutstanding <= MetadataFetch.requestsOfProvenPeer)
    }

    @Test func severalPeersShareTheBlocks() {
        var bench = Bench(size: 20 * 16384)
        let peers = (0..<4).map { _ in bench.connect() }
        for peer in peers { bench.offer(peer, bench.size) }
        bench.serveAll()
        #expect(bench.isDone)
        for peer in peers { #expect((3...7).contains(bench.requests[peer]?.count ?? 0)) }
        #expect(bench.requests.values.joined().count == 20, "no block is requested twice")
    }

    /// A peer that has sent a block is asked for many at once, so that large metadata takes few round trips.
    @Test func provenPeerIsAskedForMore() {
        var bench = Bench(size: 18 * 16384)
        let peer = bench.connect()
        bench.offer(peer, bench.size)
        #expect(bench.outstanding(peer).count == MetadataFetch.requestsOfPeer)
        bench.serveOne(peer)
        #expect(bench.outstanding(peer).count == MetadataFetch.requestsOfProvenPeer)
        bench.serveAll()
        #expect(bench.isDone)
    }

    /// A block is requested again after three seconds, and not before.
    @Test func silentPeerIsReplaced() {
        var bench = Bench(size: 2 * 16384)
        let (silent, good) = (bench.connect(), bench.connect())
        bench.offer(silent, bench.size)
        bench.offer(good, bench.size)
        bench.serve(good)
        bench.pass(.milliseconds(2500))
        #expect(!bench.isDone && bench.outstanding(good).isEmpty)
        bench.pass(.seconds(1))
        #expect(!bench.outstanding(good).isEmpty)
        bench.serve(good)
        #expect(bench.isDone)
    }

    @Test func rejectingPeerRestsForAMinute() {
        var bench = Bench(size: 16384)
        let peer = bench.connect()
        bench.offer(peer, bench.size)
        bench.reject(peer)
        bench.pass(.seconds(59))
        #expect(bench.outstanding(peer).isEmpty)
        bench.pass(.seconds(2))
        #expect(bench.outstanding(peer) == [0])
        bench.serve(peer)
        #expect(bench.isDone)
    }

    /// A single sender of wrong metadata is banned, and its blocks are forgotten.
    @Test func onlySenderOfWrongMetadataIsBanned() {
        var bench = Bench(size: 3 * 16384)
        let liar = bench.connect()
        bench.offer(liar, bench.size)
        bench.serveAll(lies: [liar])
        #expect(bench.banned == [bench.address(liar)])
        #expect(bench.stored.isEmpty)
        let good = bench.connect()
        bench.offer(good, bench.size)
        bench.serveAll()
        #expect(bench.isDone)
    }

    /// Of several senders, the one that lied is found, and the others aren't banned.
    @Test(arguments: 0..<4) func liarAmongSeveralIsFound(liar: Int) {
        var bench = Bench(size: 12 * 16384)
        let peers = (0..<4).map { _ in bench.connect() }
        for peer in peers { bench.offer(peer, bench.size) }
        bench.serveAll(lies: [peers[liar]])
        #expect(bench.isDone)
        #expect(bench.banned == [bench.address(peers[liar])])
    }

    /// The peers that lie about the size can't hinder those that don't: each size is put together for itself.
    @Test func wrongSizeDoesNotReplaceTheRightOne() {
        var bench = Bench(size: 4 * 16384)
        let (liar, other, good) = (bench.connect(), bench.connect(), bench.connect())
        bench.offer(liar, 100)
        bench.offer(other, 100)
        bench.offer(good, bench.size)
        bench.serveAll(lies: [liar, other])
        #expect(bench.isDone)
    }

    @Test func atMostThreeSizesAreKept() {
        var bench = Bench(size: 16384 * 9)
        let peers = (1...8).map { _ in bench.connect() }
        for (n, peer) in peers.enumerated() { bench.offer(peer, 16384 * (n + 2)) }
        for peer in peers { bench.serveOne(peer, lies: true) }
        #expect(Set(bench.stored.keys.map(\.size)).count <= MetadataFetch.claimLimit)
    }

    /// XD sends the whole dictionary in one frame.
    @Test func wholeMetadataInOneFrameIsAccepted() {
        var bench = Bench(size: 50_000)
        let peer = bench.connect()
        bench.offer(peer, bench.size)
        bench.answer(peer, block: 0, count: 50_000)
        #expect(bench.isDone)
    }

    @Test(arguments: [0, 1, 16383, 16385, 40_000]) func blockOfAWrongLengthIsNotStored(count: Int) {
        var bench = Bench(size: 50_000)
        let peer = bench.connect()
        bench.offer(peer, bench.size)
        bench.answer(peer, block: 0, count: count)
        #expect(bench.stored.isEmpty)
        for _ in 0..<MetadataFetch.restTime.components.seconds * 3 where !bench.isDisconnected(peer) {
            bench.pass(.seconds(1))
            if bench.outstanding(peer).contains(0) { bench.answer(peer, block: 0, count: count) }
            if let block = bench.outstanding(peer).first { bench.answer(peer, block: block, count: count) }
        }
        #expect(bench.isDisconnected(peer))
    }

    @Test func unaskedBlocksAreIgnored() {
        var bench = Bench(size: 50_000)
        let peer = bench.connect()
        bench.answer(peer, block: 0, count: 16384)
        bench.offer(peer, bench.size)
        bench.answer(peer, block: 3, count: 848)
        bench.answer(peer, block: 99, count: 16384)
        #expect(bench.stored.isEmpty)
    }

    @Test(arguments: [nil, 0, -1, MetadataFetch.maximumBytes + 1]) func senselessSizesMeanNothing(bytes: Int?) {
        var bench = Bench(size: 16384)
        let peer = bench.connect()
        bench.offer(peer, bytes)
        #expect(bench.outstanding(peer).isEmpty && bench.fetch.offer == nil)
        bench.offer(peer, bench.size)
        bench.serveAll()
        #expect(bench.isDone)
    }

    /// A claim of 160 MiB costs nothing before its blocks arrive.
    @Test func largestClaimIsNotAllocated() {
        var bench = Bench(size: MetadataFetch.maximumBytes)
        let peer = bench.connect()
        bench.offer(peer, bench.size)
        #expect(bench.outstanding(peer) == [0, 1])
        #expect(bench.fetch.offer?.blockCount == 10_240)
    }

    /// Blocks of an earlier run are kept, and nothing is requested twice.
    @Test func restoredBlocksAreNotRequested() {
        var first = Bench(size: 6 * 16384)
        let peer = first.connect()
        first.offer(peer, first.size)
        for _ in 0..<4 { first.serveOne(peer) }
        #expect(first.stored.count == 4)
        var second = Bench(size: first.size, stored: first.stored)
        let other = second.connect()
        second.offer(other, second.size)
        second.serveAll()
        #expect(second.isDone)
        #expect(second.requests[other] == [4, 5])
    }

    /// A run that ended between the last block and the hash only has to hash.
    @Test func restoredWholeMetadataIsHashedAtOnce() {
        var first = Bench(size: 2 * 16384)
        let peer = first.connect()
        first.offer(peer, first.size)
        first.hashes = false
        first.serveAll()
        let second = Bench(size: first.size, stored: first.stored)
        #expect(second.isDone)
    }

    @Test func blocksThatCannotBeStoredAreFetchedAgain() {
        var bench = Bench(size: 2 * 16384)
        let peer = bench.connect()
        bench.storeFails = true
        bench.offer(peer, bench.size)
        bench.serveAll()
        #expect(bench.stored.isEmpty && !bench.isDone)
        bench.storeFails = false
        bench.pass(.seconds(6))
        bench.serveAll()
        #expect(bench.isDone)
    }

    /// Requests are paid for: over ten seconds a limit allows what it says and the first burst. The steps of the bench,
    /// of a tenth of a second, leave some of it unused.
    @Test(arguments: [16384, 50_000, 200_000]) func requestsObeyTheRateLimit(rate: Int) {
        var bench = Bench(size: 400 * 16384)
        bench.limit(rate)
        let peers = (0..<3).map { _ in bench.connect() }
        for peer in peers { bench.offer(peer, bench.size) }
        for _ in 0..<100 {
            bench.serveAll()
            bench.pass(.milliseconds(100))
        }
        let requested = bench.requests.values.reduce(0) { $0 + $1.count } * 16384
        let burst = max(rate / 5, 16384)
        #expect(requested <= rate * 10 + burst + 16384 && requested >= rate * 7)
        bench.limit(nil)
        bench.serveAll()
        #expect(bench.isDone)
    }

    /// What a peer refuses costs nothing: the limit is the others'.
    @Test func refusedBlocksAreNotPaidFor() {
        var bench = Bench(size: 2 * 16384)
        bench.limit(1000)
        let (rejecting, good) = (bench.connect(), bench.connect())
        bench.offer(rejecting, bench.size)
        #expect(bench.outstanding(rejecting) == [0])
        #expect(bench.fetch.resumesAt != nil)
        bench.offer(good, bench.size)
        bench.reject(rejecting)
        #expect(bench.outstanding(good) == [0])
    }

    /// Whatever peers do, the fetch ends if one of them is honest and stays.
    @Test(arguments: 0..<300 as Range<UInt64>) func oneHonestPeerIsEnough(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var bench = Bench(size: Int.random(in: 1...200_000, using: &random))
        let honest = bench.connect()
        bench.offer(honest, bench.size)
        var others: [PeerKey] = []
        for _ in 0..<4000 where !bench.isDone {
            switch Int.random(in: 0..<10, using: &random) {
            case 0 where others.count < 6:
                let peer = bench.connect()
                others.append(peer)
                bench.offer(
                    peer, Bool.random(using: &random) ? bench.size : Int.random(in: 1...200_000, using: &random))
            case 1: if let peer = others.randomElement(using: &random) { bench.reject(peer) }
            case 2:
                if let peer = others.randomElement(using: &random) {
                    bench.answer(
                        peer, block: Int.random(in: 0...14, using: &random),
                        count: Int.random(in: 0...20000, using: &random))
                }
            case 3:
                if let peer = others.randomElement(using: &random) {
                    bench.close(peer)
                    others.removeAll { $0 == peer }
                }
            case 4: bench.pass(.milliseconds(Int.random(in: 1...4000, using: &random)))
            case 5, 6: if let peer = others.randomElement(using: &random) { bench.serveOne(peer, lies: true) }
            default: bench.serveOne(honest)
            }
        }
        for _ in 0..<600 where !bench.isDone {
            bench.serveOne(honest)
            bench.pass(.seconds(1))
        }
        #expect(bench.isDone, "seed \(seed)")
        #expect(!bench.banned.contains(bench.address(honest)), "seed \(seed)")
        #expect(bench.mostOutstanding <= MetadataFetch.requestsOfProvenPeer)
        #expect(bench.mostSizes <= MetadataFetch.claimLimit + 1)
    }
}
