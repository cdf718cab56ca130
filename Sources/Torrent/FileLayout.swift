/// A range of bytes within one file.
package struct Segment: Hashable, Sendable {
    /// The index of the file in ``FileLayout/files``.
    package let file: Int
    package let fileOffset: Int64
    package let length: Int

    package init(file: Int, fileOffset: Int64, length: Int) {
        self.file = file
        self.fileOffset = fileOffset
        self.length = length
    }
}

/// The sequence of a torrent's files and the offset of each file in the torrent.
package struct FileLayout: Hashable, Sendable {
    package let files: [FileEntry]
    /// The total length of all files in bytes, including pad files.
    package let totalBytes: Int64
    /// Whether a torrent that was added under ``NameRule/first`` may have its files at other paths.
    let mayHaveFirstNames: Bool

    /// Places the files one after the other and numbers files with equal paths. Pad files keep their paths, because
    /// they are never written.
    ///
    /// Returns `nil` if a length is negative, the sum overflows, or a path is empty.
    package init?(files entries: [FileEntry], names: NameRule = .bytes) {
        var files = entries
        var claims = PathClaims(names)
        var hasEscapes = false
        var total: Int64 = 0
        for n in files.indices {
            files[n].index = n
            files[n].offset = total
            let (sum, overflow) = total.addingReportingOverflow(files[n].length)
            guard files[n].length >= 0, !overflow, !files[n].path.isEmpty else { return nil }
            total = sum
            guard !files[n].isPad else { continue }
            files[n].path = claims.claim(files[n].path)
            hasEscapes = hasEscapes || files[n].path.contains(where: PathText.isEscaped)
        }
        self.files = files
        self.totalBytes = total
        mayHaveFirstNames = names == .bytes && (hasEscapes || claims.hasTwins)
    }

    /// A layout whose paths were checked.
    init(files: [FileEntry], totalBytes: Int64, mayHaveFirstNames: Bool) {
        self.files = files
        self.totalBytes = totalBytes
        self.mayHaveFirstNames = mayHaveFirstNames
    }

    /// The non-empty segments of the files that cover `offset ..< offset + length`, in order; allocates nothing.
    package func segments(offset: Int64, length: Int) -> Segments {
        precondition(offset >= 0 && length >= 0 && Int64(length) <= totalBytes - offset, "outside the torrent")
        return Segments(
            files: files, file: length == 0 ? files.count : firstFile(endingAfter: offset), offset: offset, rest: length
        )
    }

    /// The files that have a byte in the piece, and any empty files between them.
    package func files(of piece: PieceIndex, geometry: Geometry) -> Range<Int> {
        let start = geometry.offset(of: piece)
        let end = start + Int64(geometry.length(of: piece))
        let first = firstFile(endingAfter: start)
        return first..<max(first, firstFile { $0.offset >= end })
    }

    /// The pieces that have a byte of the file; an empty range for an empty file.
    package func pieces(of file: Int, geometry: Geometry) -> Range<PieceIndex> {
        let entry = files[file]
        let first = Int(entry.offset / Int64(geometry.pieceLength))
        guard !entry.isEmpty else { return PieceIndex(first)..<PieceIndex(first) }
        return PieceIndex(first)..<PieceIndex(Int((entry.end - 1) / Int64(geometry.pieceLength)) + 1)
    }

    private func firstFile(endingAfter offset: Int64) -> Int { firstFile { $0.end > offset } }

    /// The first file for which `isBeyond` is true. `isBeyond` must be true for all files after that one.
    private func firstFile(where isBeyond: (FileEntry) -> Bool) -> Int {
        var low = 0
        var high = files.count
        while low < high {
            let middle = (low + high) / 2
            if isBeyond(files[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    package struct Segments: Sequence, IteratorProtocol, Sendable {
        fileprivate let files: [FileEntry]
        fileprivate var file: Int
        fileprivate var offset: Int64
        fileprivate var rest: Int

        package mutating func next() -> Segment? {
            while rest > 0 {
                let start = files[file].offset
                let length = Int(Swift.min(Int64(rest), files[file].end - offset))
                defer { file += 1 }
                guard length > 0 else { continue }
                let segment = Segment(file: file, fileOffset: offset - start, length: length)
                offset += Int64(length)
                rest -= length
                return segment
            }
            return nil
        }
    }
}
