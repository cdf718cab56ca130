/// Names that a torrent's files have here in place of those in its metainfo.
package struct Renames: Hashable, Sendable {
    /// The name of the torrent's own folder, or of its only file; `nil` if it is the metainfo's.
    package var root: String?
    /// Paths below the torrent's own folder, with `/` between the names, by the file's index.
    package var files: [Int: String]

    package init(root: String? = nil, files: [Int: String] = [:]) {
        self.root = root
        self.files = files
    }

    package var isEmpty: Bool { root == nil && files.isEmpty }
}

/// Why files can't have other names.
package enum RenameError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name can't be that of a file or folder of a torrent, as ``SafePath`` sees it.
    case unusable(String)
    /// The path is longer than ``SafePath/maximumPathBytes``, or deeper than ``SafePath/maximumDepth``.
    case tooLong(String)
    /// Two files would have the same path, or one the path of the other's folder.
    case taken(String)
    /// The torrent is one file without a folder, so that only its name can be another one.
    case noFolder
    /// The metainfo has no file with this index, or only padding.
    case noFile(Int)

    package var description: String {
        switch self {
        case .unusable(let name):
            "“\(name.printable)” can't be the name of a file: use 1 to \(SafePath.maximumNameBytes) bytes without /, \\ and control characters"
        case .tooLong(let path):
            "the path “\(path.printable.prefix(80))…” is too long or has too many folders"
        case .taken(let path): "“\(path.printable)” would be the path of two files, or of a file and a folder"
        case .noFolder: "a torrent of one file has no folder of its own: give a name without /"
        case .noFile(let index): "the torrent has no file \(index + 1)"
        }
    }
}

extension Metainfo {
    /// The same torrent with other names for its files. ``Metainfo/file`` stays as it is. `renames` replaces earlier
    /// ones.
    ///
    /// Throws unless every file keeps a path of its own below the torrent's root. Names are checked here because they
    /// may come from a database that another program changed.
    package func renamed(_ renames: Renames) throws(RenameError) -> Metainfo {
        let plain = withoutRenames
        guard !renames.isEmpty else { return plain }
        let root = renames.root ?? plain.name
        guard Self.isUsable(root), !PathText.isSame(root, ".\(infoHash).parts") else { throw .unusable(root) }
        guard !isSingleFile || renames.files.isEmpty else { throw .noFolder }
        var paths: [Int: [String]] = [:]
        for (index, path) in renames.files {
            guard plain.layout.files.indices.contains(index), !plain.layout.files[index].isPad else {
                throw .noFile(index)
            }
            let names = [root] + Self.names(path)
            for name in names where !Self.isUsable(name) { throw .unusable(name) }
            paths[index] = names
        }
        return Metainfo(plain, named: root, layout: try plain.layout.renamed(root: root, paths: paths))
    }

    /// The names in a path, split at bytes, because a combining character would join a slash before it.
    private static func names(_ path: String) -> [String] {
        path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private static func isUsable(_ name: String) -> Bool {
        PathText.isSame(SafePath.name(PathText.bytes(name)), name)
    }
}

extension FileLayout {
    /// The same files at other paths. Files without an entry keep their paths below the root.
    fileprivate func renamed(root: String, paths: [Int: [String]]) throws(RenameError) -> FileLayout {
        var files = files
        var taken: Set<FileName> = []
        var folders: Set<FileName> = []
        for index in files.indices where !files[index].isPad {
            files[index].path = paths[index] ?? [root] + files[index].path.dropFirst()
            let path = files[index].displayPath
            guard files[index].path.count <= SafePath.maximumDepth,
                PathText.byteCount(path) < SafePath.maximumPathBytes
            else { throw .tooLong(path) }
            guard taken.insert(FileName(path)).inserted else { throw .taken(path) }
            var folder = files[index].path.dropLast()
            while !folder.isEmpty, folders.insert(FileName(folder.joined(separator: "/"))).inserted {
                folder.removeLast()
            }
        }
        if let both = taken.intersection(folders).first { throw .taken(both.text) }
        return FileLayout(files: files, totalBytes: totalBytes, mayHaveFirstNames: mayHaveFirstNames)
    }
}
