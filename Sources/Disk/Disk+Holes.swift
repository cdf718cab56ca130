import Glibc
import SystemPackage
package import Torrent

extension Disk {
    /// The smallest unit in which file systems allocate and the page cache writes. The first and last page of a piece
    /// may hold bytes of its neighbours.
    private static let pageLength: Int64 = 4096

    /// Those of `pieces` that have no data on the disk: their whole pages lie in holes, after the end of their file, or
    /// in a file that doesn't exist.
    ///
    /// Such a piece reads as zeros even where its space is reserved, so it need not be hashed to know that it is not
    /// present (lseek(2), SEEK_DATA). A file that can't be inspected, or whose file system doesn't report holes, counts
    /// as data everywhere.
    package func unwritten(
        _ payload: Payload, among pieces: Bitfield, completion: @escaping @Sendable (Bitfield) -> Void
    ) {
        precondition(pieces.count == payload.geometry.pieceCount)
        workers.submit(.read) { completion(self.unwrittenBlocking(payload, among: pieces)) }
    }

    package func unwritten(_ payload: Payload, among pieces: Bitfield) async -> Bitfield {
        await answer { done in unwritten(payload, among: pieces, completion: done) }
    }

    private func unwrittenBlocking(_ payload: Payload, among pieces: Bitfield) -> Bitfield {
        var unwritten = Bitfield(count: pieces.count)
        var cursor = DataCursor(self, payload)
        for piece in pieces.pieces where !hasData(piece, payload, &cursor) { unwritten.insert(piece) }
        return unwritten
    }

    private func hasData(_ piece: PieceIndex, _ payload: Payload, _ cursor: inout DataCursor) -> Bool {
        var offset = payload.geometry.offset(of: piece)
        for segment in payload.layout.segments(offset: offset, length: payload.geometry.length(of: piece)) {
            defer { offset += Int64(segment.length) }
            guard let file = payload.place(of: segment.file) else { continue }
            let start = file == .parts ? offset : segment.fileOffset
            let isLast = payload.length(of: file).map { $0 == start + Int64(segment.length) } ?? false
            if cursor.hasData(file, in: Self.pages(within: start..<start + Int64(segment.length), isLast: isLast)) {
                return true
            }
        }
        return false
    }

    /// The whole pages of the range, or the range itself if it has none. The last page of a file belongs to that file
    /// alone.
    private static func pages(within range: Range<Int64>, isLast: Bool) -> Range<Int64> {
        let start = (range.lowerBound + pageLength - 1) / pageLength * pageLength
        let end = isLast ? range.upperBound : range.upperBound / pageLength * pageLength
        return start < end ? start..<end : range
    }
}

/// Asks one file after the other where its data is, and remembers the last answer, because holes are longer than
/// pieces.
private struct DataCursor {
    private enum Answer {
        /// The file doesn't exist.
        case nothing
        /// The system can't tell.
        case unknown
        /// The offset of the first data at or after `asked`; `nil` when only a hole follows.
        case known(Descriptor, asked: Int64, data: Int64?)
    }

    private let disk: Disk
    private let payload: Payload
    /// A pool of its own, so that a file that is no longer at its path isn't used just because it is still open.
    private let pool = DescriptorPool(limit: 1)
    private var last: (file: PayloadFile, answer: Answer)?

    init(_ disk: Disk, _ payload: Payload) {
        self.disk = disk
        self.payload = payload
    }

    mutating func hasData(_ file: PayloadFile, in range: Range<Int64>) -> Bool {
        switch look(at: file, from: range.lowerBound) {
        case .nothing: false
        case .unknown: true
        case .known(_, _, let data): data.map { $0 < range.upperBound } ?? false
        }
    }

    private mutating func look(at file: PayloadFile, from offset: Int64) -> Answer {
        if let last, last.file == file {
            guard case .known(let descriptor, let asked, let data) = last.answer else { return last.answer }
            if asked <= offset, data.map({ $0 >= offset }) ?? true { return last.answer }
            return remember(file, next(descriptor, from: offset))
        }
        do {
            return remember(file, next(try disk.descriptor(payload, file, writing: false, from: pool), from: offset))
        } catch {
            return remember(file, error.code == .notFound ? .nothing : .unknown)
        }
    }

    private func next(_ descriptor: Descriptor, from offset: Int64) -> Answer {
        do {
            return .known(descriptor, asked: offset, data: try disk.calls.nextData(descriptor.raw, from: offset))
        } catch {
            return .unknown
        }
    }

    private mutating func remember(_ file: PayloadFile, _ answer: Answer) -> Answer {
        last = (file, answer)
        return answer
    }
}
