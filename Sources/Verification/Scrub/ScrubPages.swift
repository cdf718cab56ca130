package import Store
package import Torrent

/// The pages of one torrent that a scrub reads, and how far it is.
///
/// A page's time moves only when all of its pieces were verified, so that one row changes for each page.
package struct ScrubPages: Sendable {
    /// A page that is verified.
    package struct Done: Sendable, Hashable {
        package let pieces: [PieceIndex]
        /// When the first of them was verified: the page is as old as its oldest piece.
        package let at: Timestamp
    }

    private struct Page: Sendable {
        /// Present pieces that weren't verified in this turn.
        var open = 0
        var present = 0
        var began: Timestamp?
        /// Whether nothing could be said of a piece.
        var isStale = false
        var isDone = false
    }

    private static let pageLength = 1024
    /// The most pieces of one batch.
    private static let mostAtOnce = 1024

    private let geometry: Geometry
    private var present: Bitfield
    /// Present pieces that weren't verified in this turn.
    private var open: Bitfield
    /// Pieces that are left to be read.
    private var due: Bitfield
    /// The first piece that may be left.
    private var next = PieceIndex(0)
    private var pages: [Page]
    /// Bytes of the turn, and those of it that weren't taken yet.
    package let bytes: Int64
    package private(set) var bytesLeft: Int64

    /// `due` are the pieces to read, and `present` all that are recorded. `cursor` is where an earlier run stopped.
    package init(due: Bitfield, present: Bitfield, geometry: Geometry, cursor: ScrubVolumeRow.Cursor?) {
        self.geometry = geometry
        self.present = present
        open = present
        self.due = due.intersection(present)
        pages = Array(
            repeating: Page(), count: (geometry.pieceCount + Self.pageLength - 1) / Self.pageLength)
        for piece in present.pieces {
            pages[piece.value / Self.pageLength].open += 1
            pages[piece.value / Self.pageLength].present += 1
        }
        if let cursor, cursor.nextPiece.value < present.count {
            let number = cursor.nextPiece.value / Self.pageLength
            pages[number].began = cursor.pageBeganAt
            for piece in PieceIndex(number * Self.pageLength)..<cursor.nextPiece where present[piece] {
                open.remove(piece)
                self.due.remove(piece)
                pages[number].open -= 1
            }
        }
        bytes = self.due.pieces.reduce(0) { $0 + Int64(geometry.length(of: $1)) }
        bytesLeft = bytes
    }

    /// Whether the piece is recorded, as far as this turn knows.
    package func isPresent(_ piece: PieceIndex) -> Bool { present[piece] }

    /// Whether the piece is still to be read.
    package func isDue(_ piece: PieceIndex) -> Bool { due[piece] }

    /// Whether all pieces were taken.
    package var isEmpty: Bool { due.isEmpty }

    /// Takes the next pieces, in the order of the disk; `count` says how many of those that are offered.
    package mutating func take(_ count: (ArraySlice<PieceIndex>) -> Int) -> [PieceIndex] {
        let offered = Array(due.pieces(from: next).prefix(Self.mostAtOnce))
        let taken = Array(offered.prefix(count(offered[...])))
        for piece in taken {
            due.remove(piece)
            bytesLeft -= Int64(geometry.length(of: piece))
        }
        if let last = taken.last { next = last.advanced(by: 1) }
        return taken
    }

    /// The piece was verified at this time. Returns its page if that is verified now.
    package mutating func verified(_ piece: PieceIndex, at moment: Timestamp) -> Done? {
        guard open.remove(piece) else { return nil }
        let number = piece.value / Self.pageLength
        pages[number].open -= 1
        pages[number].began = min(pages[number].began ?? moment, moment)
        return done(number)
    }

    /// The piece isn't present any more. Returns its page if what is left of it is verified now.
    package mutating func lost(_ piece: PieceIndex) -> Done? {
        guard present.remove(piece) else { return nil }
        let number = piece.value / Self.pageLength
        if open.remove(piece) { pages[number].open -= 1 }
        pages[number].present -= 1
        return done(number)
    }

    private mutating func done(_ number: Int) -> Done? {
        let page = pages[number]
        guard page.open == 0, page.present > 0, !page.isStale, !page.isDone, let began = page.began else { return nil }
        pages[number].isDone = true
        let range = number * Self.pageLength..<min((number + 1) * Self.pageLength, geometry.pieceCount)
        return Done(pieces: range.map { PieceIndex($0) }.filter { present[$0] }, at: began)
    }

    /// Nothing could be said of the piece: its page stays as old as it was.
    package mutating func skipped(_ piece: PieceIndex) { pages[piece.value / Self.pageLength].isStale = true }

    /// Where another run continues: in the page that is being read.
    package func cursor(of torrent: TorrentID) -> ScrubVolumeRow.Cursor? {
        let upcoming = due.pieces(from: next).first { _ in true }?.value ?? max(0, geometry.pieceCount - 1)
        let current = upcoming / Self.pageLength
        for number in [current - 1, current] where pages.indices.contains(number) {
            let page = pages[number]
            guard page.open > 0, !page.isStale, let began = page.began,
                let first = open.pieces(from: PieceIndex(number * Self.pageLength)).first(where: { _ in true })
            else { continue }
            return ScrubVolumeRow.Cursor(torrent: torrent, nextPiece: first, pageBeganAt: began)
        }
        return nil
    }
}
