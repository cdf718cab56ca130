/// One file of a torrent, as its metainfo has it.
package struct FileEntry: Hashable, Sendable {
    /// Safe names below the output folder, each ``PathText``; in a torrent of many files the first is the torrent's own
    /// folder.
    package internal(set) var path: [String]
    package let length: Int64
    /// Where the file begins in the torrent's bytes.
    package internal(set) var offset: Int64 = 0
    /// Counted from 0 in the order of the metainfo.
    package internal(set) var index = 0
    /// Zeros that only align the next file: never wanted and never written (BEP 47). Entries that are symbolic links
    /// count among them: a link is a way out of the folder, so none is ever made.
    package let isPad: Bool
    package let isExecutable: Bool
    package let isSymlink: Bool

    /// An entry that has yet to find its place in a ``FileLayout``; the names in `path` must be safe ones of
    /// ``SafePath``.
    package init(
        path: [String], length: Int64, isPad: Bool = false, isExecutable: Bool = false, isSymlink: Bool = false
    ) {
        self.path = path
        self.length = length
        self.isPad = isPad || isSymlink
        self.isExecutable = isExecutable
        self.isSymlink = isSymlink
    }

    package var isEmpty: Bool { length == 0 }
    /// Where the file ends in the torrent's bytes.
    package var end: Int64 { offset + length }
    /// The path as text, with `/` between the names.
    package var displayPath: String { path.joined(separator: "/") }
}
