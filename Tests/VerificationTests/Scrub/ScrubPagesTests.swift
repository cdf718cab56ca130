import Store
import Testing
import Torrent
import Verification

/// The pages of a torrent: a page is recorded when all of its pieces are verified, and a stop loses little.
@Suite struct ScrubPagesTests {
    private static let noon = Timestamp(1_700_000_000)

    private static func geometry(_ pieces: Int) throws -> Geometry {
        try #require(Geometry(totalBytes: Int64(pieces) * 16384, pieceLength: 16384))
    }

    @Test func pageIsDoneWithItsLastPiece() throws {
        let geometry = try Self.geometry(1500)
        let all = Bitfield(fullCount: 1500)
        var pages = ScrubPages(due: all, present: all, geometry: geometry, cursor: nil)
        #expect(pages.bytes == geometry.totalBytes)
        var done: [ScrubPages.Done] = []
        var moment = Self.noon
        while !pages.isEmpty {
            for piece in pages.take({ min($0.count, 100) }) {
                if let page = pages.verified(piece, at: moment) { done.append(page) }
            }
            moment = moment + .seconds(1)
        }
        #expect(done.map(\.pieces.count) == [1024, 476])
        #expect(done[0].at == Self.noon)
        #expect(done[1].at == Self.noon + .seconds(10))
        #expect(pages.bytesLeft == 0)
        #expect(pages.cursor(of: TorrentID(1)) == nil)
    }

    @Test func stopLosesNothingOfAPage() throws {
        let geometry = try Self.geometry(1024)
        let all = Bitfield(fullCount: 1024)
        var first = ScrubPages(due: all, present: all, geometry: geometry, cursor: nil)
        for piece in first.take({ min($0.count, 300) }) { _ = first.verified(piece, at: Self.noon) }
        let cursor = try #require(first.cursor(of: TorrentID(7)))
        #expect(cursor.nextPiece == PieceIndex(300))
        var second = ScrubPages(due: all, present: all, geometry: geometry, cursor: cursor)
        #expect(second.bytes == Int64(724 * 16384))
        var done: ScrubPages.Done?
        while !second.isEmpty {
            for piece in second.take({ $0.count }) {
                done = second.verified(piece, at: Self.noon + .seconds(3600)) ?? done
            }
        }
        #expect(done?.pieces.count == 1024)
        // The page is as old as the pieces that were read before the stop.
        #expect(done?.at == Self.noon)
    }

    @Test func lostPieceEndsThePageWithoutIt() throws {
        let geometry = try Self.geometry(10)
        let all = Bitfield(fullCount: 10)
        var pages = ScrubPages(due: all, present: all, geometry: geometry, cursor: nil)
        let taken = pages.take { $0.count }
        for piece in taken.dropLast() {
            let early = pages.verified(piece, at: Self.noon)
            #expect(early == nil)
        }
        let done = pages.lost(PieceIndex(9))
        #expect(done?.pieces == (0..<9).map { PieceIndex($0) })
    }

    @Test func skippedPieceLeavesThePageAsOldAsItWas() throws {
        let geometry = try Self.geometry(10)
        let all = Bitfield(fullCount: 10)
        var pages = ScrubPages(due: all, present: all, geometry: geometry, cursor: nil)
        let taken = pages.take { $0.count }
        pages.skipped(taken[4])
        for piece in taken where piece != taken[4] {
            let done = pages.verified(piece, at: Self.noon)
            #expect(done == nil)
        }
        #expect(pages.cursor(of: TorrentID(1)) == nil)
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>) func anyStopsAndLossesRecordOnlyWhatWasVerified(seed: UInt64) throws
    {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...3000, using: &random)
        let geometry = try Self.geometry(count)
        var present = Bitfield(count: count)
        for n in 0..<count where Int.random(in: 0..<10, using: &random) > 0 { present.insert(PieceIndex(n)) }
        var cursor: ScrubVolumeRow.Cursor?
        var verified: [PieceIndex: Timestamp] = [:]
        var recorded: [ScrubPages.Done] = []
        var moment = Self.noon
        runs: for _ in 0..<20 {
            var due = present
            for page in recorded { for piece in page.pieces where present[piece] { due.remove(piece) } }
            var pages = ScrubPages(due: due, present: present, geometry: geometry, cursor: cursor)
            let stopAfter = Int.random(in: 0...count, using: &random)
            var taken = 0
            while !pages.isEmpty {
                let batch = pages.take { min($0.count, Int.random(in: 1...64, using: &random)) }
                for piece in batch.shuffled(using: &random) {
                    moment = moment + .seconds(1)
                    if Int.random(in: 0..<200, using: &random) == 0 {
                        present.remove(piece)
                        if let done = pages.lost(piece) { recorded.append(done) }
                    } else {
                        verified[piece] = moment
                        if let done = pages.verified(piece, at: moment) { recorded.append(done) }
                    }
                }
                taken += batch.count
                if taken > stopAfter { break }
            }
            cursor = pages.cursor(of: TorrentID(1))
            if pages.isEmpty { break runs }
        }
        for page in recorded {
            for piece in page.pieces {
                let at = try #require(verified[piece], "seed \(seed): piece \(piece) was never verified")
                #expect(at >= page.at, "seed \(seed): the page is younger than its piece \(piece)")
            }
        }
    }
}
