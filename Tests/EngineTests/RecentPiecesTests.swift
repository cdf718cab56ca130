import Disk
import Engine
import NIOCore
import Store
import Swarm
import Testing
import Torrent

struct RecentPiecesTests {
    private func buffer(_ pool: PieceBufferPool, _ length: Int, _ byte: UInt8) throws -> PieceBuffer {
        let buffer = try pool.take(length)
        _ = buffer.bytes.initializeMemory(as: UInt8.self, repeating: byte)
        return buffer
    }

    @Test func newestPiecesAreKeptWithinTheLimit() throws {
        let (pool, recent) = (PieceBufferPool(), RecentPieces())
        let (one, two) = (TorrentID(rawValue: 1), TorrentID(rawValue: 2))
        for n in 0..<40 { recent.keep(try buffer(pool, 1 << 20, UInt8(n)), of: n % 2 == 0 ? one : two, PieceIndex(n)) }
        for n in 0..<40 {
            let bytes = recent.bytes(of: n % 2 == 0 ? one : two, PieceIndex(n))
            #expect((bytes != nil) == (n >= 24))
            #expect(bytes?.allSatisfy { $0 == UInt8(n) } ?? true)
            #expect(recent.bytes(of: n % 2 == 0 ? two : one, PieceIndex(n)) == nil)
        }
        recent.forget(one)
        for n in 24..<40 { #expect((recent.bytes(of: n % 2 == 0 ? one : two, PieceIndex(n)) != nil) == (n % 2 == 1)) }
        // The room of what was forgotten is free again.
        for n in 40..<48 { recent.keep(try buffer(pool, 1 << 20, UInt8(n)), of: one, PieceIndex(n)) }
        for n in 24..<40 where n % 2 == 1 { #expect(recent.bytes(of: two, PieceIndex(n)) != nil) }
    }

    @Test func overlongPieceIsNotKept() throws {
        let (pool, recent) = (PieceBufferPool(), RecentPieces())
        recent.keep(try buffer(pool, RecentPieces.longest + 1, 1), of: TorrentID(rawValue: 1), PieceIndex(0))
        #expect(recent.bytes(of: TorrentID(rawValue: 1), PieceIndex(0)) == nil)
    }

    /// Memory that somebody still reads isn't given to the next.
    @Test func uploadBufferInUseIsNotOverwritten() {
        let pool = UploadBufferPool()
        let first = pool.take(100)
        #expect(
            first.append([BlockRequest(piece: PieceIndex(1), begin: 0, length: 4)]) {
                $0[0].copyBytes(from: [1, 2, 3, 4]); return true
            })
        let sent = first.buffer
        pool.giveBack(first)
        let second = pool.take(100)
        #expect(
            second.append([BlockRequest(piece: PieceIndex(2), begin: 0, length: 4)]) {
                $0[0].copyBytes(from: [9, 9, 9, 9]); return true
            })
        #expect(Array(sent.readableBytesView) == [0, 0, 0, 13, 7, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4])
        #expect(!second.append([BlockRequest(piece: PieceIndex(3), begin: 0, length: 4)]) { _ in false })
        #expect(Array(second.buffer.readableBytesView) == [0, 0, 0, 13, 7, 0, 0, 0, 2, 0, 0, 0, 0, 9, 9, 9, 9])
    }
}
