/// One file of a torrent, as described by the metainfo.
package struct FileEntry: Hashable, Sendable {
    /// Safe names below the output folder, each a ``PathText``. In a multi-file torrent, the first name is the
    /// torrent's own folder.
    package internal(set) var path: [String]
    package let length: Int64
    /// The offset of the file's first byte in the torrent.
    package internal(set) var offset: Int64 = 0
    /// The file's number, counted from 0 in metainfo order.
    package internal(set) var index = 0
    /// The file contains only zeros that align the next file; it is never wanted and never written (BEP 47). Symbolic
    /// links count as pad files too: a link could lead out of the folder, so none is ever created.
    package let isPad: Bool
    package let isExecutable: Bool
    package let isSymlink: Bool

    /// Creates an entry without an index and an offset, which ``FileLayout`` assigns. The names in `path` must be safe
    /// names from ``SafePath``.
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
    /// The offset of the first byte after the file in the torrent.
    package var end: Int64 { offset + length }
    /// The path as text, with `/` between the names.
    package var displayPath: String { path.joined(separator: "/") }
    /// The same below the torrent's own folder; empty if the torrent is this file.
    package var pathBelowRoot: String { path.dropFirst().joined(separator: "/") }
}
