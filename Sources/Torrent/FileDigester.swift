/// The SHA-256 of a file, all of whose pieces were good when it was read.
package struct FileDigest: Hashable, Sendable {
    /// The index of the file in ``FileLayout/files``.
    package let file: Int
    package let sha256: SHA256Digest

    package init(file: Int, sha256: SHA256Digest) {
        self.file = file
        self.sha256 = sha256
    }
}

/// Computes the SHA-256 of files from a torrent's pieces, which come in ascending order: in the pass of a verification
/// or a scrub, so that no byte is read twice. It keeps one file at a time.
///
/// A file gets a digest only if each of its pieces came and was good. Files without bytes, and padding, get none.
package struct FileDigester: Sendable {
    private let layout: FileLayout
    private let geometry: Geometry
    /// Whether each file gets a digest; `nil`: all do.
    private let wanted: [Bool]?
    /// The file whose bytes were taken in up to `position`; `nil` if one of them is missing.
    private var current: (file: Int, hasher: ContentHasher)?
    /// The offset in the torrent after the last bytes.
    private var position: Int64 = 0

    /// `wanted` says of each file of the layout whether it gets a digest; `nil`: all do.
    package init(layout: FileLayout, geometry: Geometry, wanted: [Bool]? = nil) {
        precondition(wanted.map { $0.count == layout.files.count } ?? true)
        self.layout = layout
        self.geometry = geometry
        self.wanted = wanted
    }

    /// Takes in the bytes of a piece, and returns the digests of the files that end in it. A piece that isn't good has
    /// no bytes: the files that it touches get no digest.
    package mutating func add(_ piece: PieceIndex, _ bytes: UnsafeRawBufferPointer?) -> [FileDigest] {
        let (start, length) = (geometry.offset(of: piece), geometry.length(of: piece))
        guard let bytes else {
            current = nil
            position = start + Int64(length)
            return []
        }
        precondition(bytes.count == length, "a whole piece")
        return add(at: start, bytes)
    }

    /// Takes in bytes from the torrent's offset `start` on, which belong to a good piece.
    package mutating func add(at start: Int64, _ bytes: UnsafeRawBufferPointer) -> [FileDigest] {
        if start != position { current = nil }
        position = start + Int64(bytes.count)
        var digests: [FileDigest] = []
        var done = 0
        for segment in layout.segments(offset: start, length: bytes.count) {
            let part = UnsafeRawBufferPointer(rebasing: bytes[done..<done + segment.length])
            done += segment.length
            let file = layout.files[segment.file]
            guard !file.isPad, wanted?[segment.file] ?? true else { continue }
            if segment.fileOffset == 0 { current = (segment.file, ContentHasher(.sha256)) }
            guard current?.file == segment.file else { continue }
            current?.hasher.update(part)
            guard segment.fileOffset + Int64(segment.length) == file.length else { continue }
            if let digest = current.flatMap({ SHA256Digest($0.hasher.digest) }) {
                digests.append(FileDigest(file: segment.file, sha256: digest))
            }
            current = nil
        }
        return digests
    }
}
