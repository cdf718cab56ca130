/// The files of a torrent that the user wants.
package struct FileSelection: Hashable, Sendable {
    private let layout: FileLayout
    /// Whether each file is wanted; always `false` for a pad file.
    package let wanted: [Bool]

    /// Selects all files except pad files.
    package init(all layout: FileLayout) {
        self.layout = layout
        self.wanted = layout.files.map { !$0.isPad }
    }

    /// Restores a stored selection; `nil` if the number of values differs from the number of files.
    package init?(layout: FileLayout, wanted: [Bool]) {
        guard wanted.count == layout.files.count else { return nil }
        self.layout = layout
        self.wanted = zip(wanted, layout.files).map { $0 && !$1.isPad }
    }

    /// Selects the files that match at least one of the patterns.
    ///
    /// A pattern is a number or a range of numbers such as `3` or `2-5`, counted from 1 as in `pieces files`, or a path
    /// or glob (`*`, `?`, `[a-z]`, `**`). Write `[3]` for a file that is called `3`. A glob is matched against the
    /// whole path, against the path below the torrent's own folder and, if it has no `/`, against the last name of the
    /// path.
    package init(layout: FileLayout, patterns: [String]) throws(SelectionError) {
        let candidates = layout.files.filter { !$0.isPad }.map(Candidate.init)
        var wanted = Array(repeating: false, count: layout.files.count)
        for pattern in patterns {
            let matches = try Self.matches(of: pattern, fileCount: layout.files.count, candidates: candidates)
            guard !matches.isEmpty else { throw .matchesNothing(pattern: pattern) }
            for file in matches { wanted[file] = true }
        }
        self.layout = layout
        self.wanted = wanted
    }

    /// The pieces that have a byte of a wanted file.
    package func wantedPieces(geometry: Geometry) -> Bitfield {
        var pieces = Bitfield(count: geometry.pieceCount)
        // Files are in order, so no piece is inserted twice.
        var next = PieceIndex(0)
        for file in layout.files where wanted[file.index] && !file.isEmpty {
            let range = layout.pieces(of: file.index, geometry: geometry)
            for piece in max(next, range.lowerBound)..<max(next, range.upperBound) { pieces.insert(piece) }
            next = max(next, range.upperBound)
        }
        return pieces
    }

    /// The total length of the wanted files in bytes.
    package var wantedBytes: Int64 { layout.files.reduce(0) { $0 + (wanted[$1.index] ? $1.length : 0) } }

    /// The number of bytes of the wanted files that lie in the pieces.
    package func bytes(in pieces: Bitfield, geometry: Geometry) -> Int64 {
        if pieces.isFull { return wantedBytes }
        return layout.files.reduce(0) {
            $0 + (wanted[$1.index] ? layout.bytes(of: $1.index, in: pieces, geometry: geometry) : 0)
        }
    }

    private static func matches(of pattern: String, fileCount: Int, candidates: [Candidate]) throws(SelectionError)
        -> [Int]
    {
        if let numbers = try numbers(pattern, fileCount: fileCount) {
            return candidates.map(\.index).filter { numbers.contains($0 + 1) }
        }
        let glob = Glob(pattern)
        // If several names differ only in Unicode normalization, a pattern selects the names with the same
        // normalization as the pattern; if there are none, the pattern selects all of them.
        let exact = candidates.filter { $0.matches(pattern, glob, exactly: true) }
        return (exact.isEmpty ? candidates.filter { $0.matches(pattern, glob, exactly: false) } : exact).map(\.index)
    }

    /// The file numbers in the pattern; `nil` if the pattern is a path or glob.
    private static func numbers(_ pattern: String, fileCount: Int) throws(SelectionError) -> ClosedRange<Int>? {
        let parts = pattern.split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy(isNumber) else { return nil }
        // Numbers too large for an `Int` are beyond any file.
        let bounds = parts.map { Int($0) ?? .max }
        guard bounds[0] >= 1, bounds[0] <= bounds[bounds.count - 1], bounds[bounds.count - 1] <= fileCount else {
            throw .noSuchNumber(pattern: pattern, fileCount: fileCount)
        }
        return bounds[0]...bounds[bounds.count - 1]
    }

    private static func isNumber(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// The forms of a file's path against which patterns are matched.
    private struct Candidate {
        let index: Int
        let path: [Character]
        let belowRoot: [Character]
        let name: [Character]

        init(_ file: FileEntry) {
            index = file.index
            path = Glob.characters(file.path)
            belowRoot = file.path.count > 1 ? Glob.characters(file.path.dropFirst()) : path
            name = Array(file.path[file.path.count - 1])
        }

        /// Matches the glob, or the pattern taken literally, because a name may contain brackets or stars.
        func matches(_ pattern: String, _ glob: Glob, exactly: Bool) -> Bool {
            let forms = glob.isName ? [path, belowRoot, name] : [path, belowRoot]
            return forms.contains { form in
                if glob.matches(form, exactly: exactly) { return true }
                return exactly ? PathText.isSame(String(form), pattern) : form.elementsEqual(pattern)
            }
        }
    }
}

/// Why the patterns don't select any files.
package enum SelectionError: Error, Hashable, Sendable, CustomStringConvertible {
    case matchesNothing(pattern: String)
    case noSuchNumber(pattern: String, fileCount: Int)

    package var description: String {
        switch self {
        case .matchesNothing(let pattern): "no file of the torrent matches '\(pattern)'; `pieces files` lists them"
        case .noSuchNumber(let pattern, let count):
            "there is no file number '\(pattern)': the torrent's files are 1 to \(count); `pieces files` lists them"
        }
    }
}
