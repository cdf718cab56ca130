package import Torrent

/// Where a torrent's payload lies, in terms of this program: an output folder, a root in it, and paths below the root.
package struct PayloadPlace: Sendable, Equatable {
    /// The output folder: an absolute path.
    package var output: String
    /// The name of the torrent's own folder or only file; `nil` if it is the .torrent's.
    package var root: String?
    /// Paths below the torrent's own folder by file number, where they aren't the .torrent's.
    package var files: [Int: String] = [:]

    package init(output: String) { self.output = output }

    package var hasOtherNames: Bool { root != nil || !files.isEmpty }

    /// The place of a torrent whose files begin below `folder`, an absolute path. `absolute` turns an absolute path of
    /// the client into one of this machine.
    package init(_ torrent: ForeignTorrent, of metainfo: Metainfo, below folder: String, absolute: (String) -> String)
        throws(ForeignStateError)
    {
        if let own = torrent.ownFolder, !metainfo.isSingleFile {
            self = try Self(root: absolute(own), of: metainfo)
            return
        }
        let root = torrent.renamedRoot.flatMap { PathText.isSame($0, metainfo.name) ? nil : $0 }
        guard !torrent.renamed.isEmpty || root != nil else {
            self.init(output: folder)
            return
        }
        let base = try Self.names(folder, of: metainfo)
        var paths: [Int: [String]] = [:]
        for file in metainfo.layout.files where !file.isPad {
            let other = torrent.renamed[file.index]
            if let other, other.utf8.first == UInt8(ascii: "/") {
                paths[file.index] = try Self.names(absolute(other), of: metainfo)
            } else if let other {
                paths[file.index] = base + (try Self.names(other, of: metainfo))
            } else {
                paths[file.index] = base + [root ?? file.path[0]] + file.path.dropFirst()
            }
        }
        self = try Self(paths, base, of: metainfo)
    }

    /// A torrent of several files whose own folder is known.
    private init(root folder: String, of metainfo: Metainfo) throws(ForeignStateError) {
        var names = try Self.names(folder, of: metainfo)
        guard let root = names.popLast() else { throw Self.noFolder }
        self.init(output: Self.path(names))
        if !PathText.isSame(root, metainfo.name) { self.root = root }
    }

    /// The own folder is the one below `base` that all files have in common, or `base` itself.
    private init(_ paths: [Int: [String]], _ base: [String], of metainfo: Metainfo) throws(ForeignStateError) {
        if metainfo.isSingleFile {
            guard let path = paths.values.first, let name = path.last else { throw Self.noFolder }
            self.init(output: Self.path(path.dropLast()))
            if !PathText.isSame(name, metainfo.name) { root = name }
            return
        }
        for path in paths.values where path.count <= base.count || !path.starts(with: base, by: PathText.isSame) {
            throw ForeignStateError("its files are in different folders, and not all in \(Self.path(base).printable)")
        }
        let first = paths.values.first?[base.count] ?? metainfo.name
        let sharesFolder = paths.values.allSatisfy {
            $0.count > base.count + 1 && PathText.isSame($0[base.count], first)
        }
        let own = sharesFolder ? base + [first] : base
        guard let name = own.last else { throw Self.noFolder }
        self.init(output: Self.path(own.dropLast()))
        if !PathText.isSame(name, metainfo.name) { root = name }
        for file in metainfo.layout.files {
            guard let path = paths[file.index] else { continue }
            let below = path.dropFirst(own.count).joined(separator: "/")
            if !PathText.isSame(below, file.path.dropFirst().joined(separator: "/")) { files[file.index] = below }
        }
    }

    private static let noFolder = ForeignStateError("its folder is the root of the file system")

    /// The names in a path. Clients clean theirs, so an odd one means damage.
    private static func names(_ path: String, of metainfo: Metainfo) throws(ForeignStateError) -> [String] {
        let names = path.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
        guard !names.contains(".."), !names.contains(".") else {
            throw ForeignStateError("a path leads out of its folder: \(path.printable)")
        }
        return names
    }

    private static func path(_ names: some Sequence<String>) -> String { "/" + names.joined(separator: "/") }
}
