import Swarm
import Testing
import Torrent

struct BlameLedgerTests {
    private let piece = PieceIndex(3)
    private let a = SourceKey.peer(PeerKey(1))
    private let b = SourceKey.peer(PeerKey(2))
    private let c = SourceKey.peer(PeerKey(3))

    @Test func onlySenderOfABadPieceIsBlamed() {
        var ledger = BlameLedger()
        let verdict = ledger.failed(piece, senders: [a, a], digests: [1, 2])
        #expect(verdict == a)
        #expect(!ledger.isWaiting(for: piece))
    }

    @Test func blockOfUnknownOriginBlamesNoPeer() {
        var ledger = BlameLedger()
        let verdict = ledger.failed(piece, senders: [a, nil], digests: [1, 9])
        #expect(verdict == nil)
        #expect(ledger.isWaiting(for: piece))
        let second = ledger.passed(piece, digests: [1, 2])
        #expect(second.isEmpty)
    }

    @Test func goodCopyIdentifiesTheLyingPeer() {
        var ledger = BlameLedger()
        let verdict = ledger.failed(piece, senders: [a, b, c, b], digests: [1, 9, 3, 8])
        #expect(verdict == nil)
        let second = ledger.failed(piece, senders: [b, a, c, c], digests: [7, 2, 3, 4])
        #expect(second == nil)
        #expect(ledger.suspects == [a, b, c])
        let third = ledger.passed(piece, digests: [1, 2, 3, 4])
        #expect(third == [b: 3])
        #expect(!ledger.isWaiting(for: piece))
    }

    @Test func ledgerSizeIsBounded() {
        var ledger = BlameLedger()
        for value in 0..<1000 {
            for _ in 0..<10 { _ = ledger.failed(PieceIndex(value), senders: [a, b], digests: [1, 2]) }
        }
        #expect((0..<1000).count { ledger.isWaiting(for: PieceIndex($0)) } == BlameLedger.maximumPieces)
        let verdict = ledger.passed(PieceIndex(999), digests: [0, 0])
        #expect(verdict == [a: BlameLedger.maximumCopies, b: BlameLedger.maximumCopies])
    }

    @Test func missingDigestsAreNoEvidence() {
        var ledger = BlameLedger()
        let verdict = ledger.failed(piece, senders: [a, b], digests: [])
        #expect(verdict == nil)
        #expect(!ledger.isWaiting(for: piece))
        _ = ledger.failed(piece, senders: [a, b], digests: [1, 2])
        let second = ledger.passed(piece, digests: [])
        #expect(second.isEmpty)
    }
}
