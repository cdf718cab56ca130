import Disk
import Testing
import Torrent
import Verification

/// Pieces of 512 KiB: a part of the database's bitfield is 2,048 of them.
@Suite struct VerdictStreamTests {
    private static let piecesPerPart = 2048

    private static func geometry(parts: Int) throws -> Geometry {
        try #require(Geometry(totalBytes: Int64(parts) << 30, pieceLength: 1 << 19))
    }

    private static func all(_ geometry: Geometry) -> Bitfield {
        var pieces = Bitfield(count: geometry.pieceCount)
        for piece in 0..<geometry.pieceCount { pieces.insert(PieceIndex(piece)) }
        return pieces
    }

    @Test func partIsDeliveredWithItsLastVerdict() async throws {
        let geometry = try Self.geometry(parts: 3)
        let stream = VerdictStream(Self.all(geometry), geometry)
        // The second part is through before the first one is.
        for piece in 1..<2 * Self.piecesPerPart { stream.add([(PieceIndex(piece), .good)]) }
        stream.add([(PieceIndex(0), .bad)])
        for piece in 2 * Self.piecesPerPart..<3 * Self.piecesPerPart { stream.add([(PieceIndex(piece), .missing)]) }
        stream.finish(.finished)

        var parts: [Verdicts] = []
        for await part in stream.parts { parts.append(part) }
        #expect(parts.map(\.good.population) == [Self.piecesPerPart, Self.piecesPerPart - 1, 0])
        #expect(parts.map(\.bad.population) == [0, 1, 0])
        #expect(parts.map(\.missing.population) == [0, 0, Self.piecesPerPart])
        #expect(Array(parts[0].good.pieces).first == PieceIndex(Self.piecesPerPart))
        #expect(stream.outcome == .finished)
    }

    @Test func onlyRequestedPiecesAreAwaited() async throws {
        let geometry = try Self.geometry(parts: 2)
        var pieces = Bitfield(count: geometry.pieceCount)
        for piece in [5, Self.piecesPerPart + 7] { pieces.insert(PieceIndex(piece)) }
        let stream = VerdictStream(pieces, geometry)
        stream.add([(PieceIndex(Self.piecesPerPart + 7), .good), (PieceIndex(5), .good)])

        var parts = stream.parts.makeAsyncIterator()
        #expect(await parts.next()?.good.pieces.map(\.value) == [Self.piecesPerPart + 7])
        #expect(await parts.next()?.good.pieces.map(\.value) == [5])
        #expect(stream.outcome == .cancelled, "it hasn't ended yet")
        stream.finish(.finished)
        #expect(await parts.next() == nil)
    }

    @Test func verdictsOfUnfinishedPartsAreDelivered() async throws {
        let geometry = try Self.geometry(parts: 2)
        let stream = VerdictStream(Self.all(geometry), geometry)
        stream.add([(PieceIndex(Self.piecesPerPart), .good), (PieceIndex(3), .bad)])
        stream.finish(.cancelled)

        var parts: [Verdicts] = []
        for await part in stream.parts { parts.append(part) }
        #expect(parts.map(\.bad.population) == [1, 0])
        #expect(parts.map(\.good.population) == [0, 1])
        #expect(stream.outcome == .cancelled)
    }

    @Test func concurrentVerdictsAreNotLost() async throws {
        let geometry = try Self.geometry(parts: 4)
        let stream = VerdictStream(Self.all(geometry), geometry)
        await withTaskGroup { group in
            for thread in 0..<4 {
                group.addTask {
                    for piece in stride(from: thread, to: geometry.pieceCount, by: 4) {
                        stream.add([(PieceIndex(piece), .good)])
                    }
                }
            }
        }
        stream.finish(.finished)
        var good = Bitfield(count: geometry.pieceCount)
        var count = 0
        for await part in stream.parts {
            good.formUnion(part.good)
            count += 1
        }
        #expect(count == 4)
        #expect(good.population == geometry.pieceCount)
    }
}
