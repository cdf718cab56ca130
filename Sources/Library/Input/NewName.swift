import Store
import Torrent

/// What the user wants to rename, and to what.
struct NewName {
    /// What gets another name.
    enum Subject: Equatable {
        /// The torrent's own folder, or its only file.
        case root
        case file(Int)
        /// A folder below the torrent's own: its names.
        case folder([String])
    }

    let subject: Subject
    /// A path below the torrent's own folder; of the root one name.
    let path: String

    /// `file` is a number, the path of a file or folder, or a file's name if only one has it; `nil` for the root.
    /// `name` is a name, or with a slash a path below the torrent's own folder; `./` alone
    /// before a name does that, too.
    init(_ file: String?, to name: String, in metainfo: Metainfo) throws(Failure) {
        guard let file else {
            guard !name.utf8.contains(UInt8(ascii: "/")) else {
                throw .usage(
                    "“\(name.printable)” is not a name: to put the torrent into another folder, use `pieces move`")
            }
            (subject, path) = (.root, name)
            return
        }
        guard name.utf8.first != UInt8(ascii: "/") else {
            throw .usage("“\(name.printable)” is not below the torrent's folder: files stay in it")
        }
        if metainfo.isSingleFile {
            guard try Self.subject(file, metainfo) == .file(0) else { throw Self.notFound(file, metainfo) }
            guard !name.utf8.contains(UInt8(ascii: "/")) else { throw .usage("\(RenameError.noFolder)") }
            (subject, path) = (.root, name)
            return
        }
        subject = try Self.subject(file, metainfo)
        let parent: ArraySlice<String> =
            switch subject {
            case .root: []
            case .file(let index): metainfo.layout.files[index].path.dropFirst().dropLast()
            case .folder(let names): names.dropLast()
            }
        if name.utf8.starts(with: "./".utf8) {
            path = String(decoding: name.utf8.dropFirst(2), as: UTF8.self)
        } else {
            let isPath = name.utf8.contains(UInt8(ascii: "/"))
            path = isPath || parent.isEmpty ? name : parent.joined(separator: "/") + "/" + name
        }
    }

    private static func subject(_ text: String, _ metainfo: Metainfo) throws(Failure) -> Subject {
        let files = metainfo.layout.files.filter { !$0.isPad }
        if let number = Int(text), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            guard let file = files.first(where: { $0.index + 1 == number }) else { throw notFound(text, metainfo) }
            return .file(file.index)
        }
        func has(_ path: String) -> Bool { PathText.isSame(path, text) }
        if let file = files.first(where: { has($0.displayPath) || has($0.pathBelowRoot) }) { return .file(file.index) }
        if has(metainfo.name) { return .root }
        let names = text.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
        for folder in [names, Array(names.dropFirst())] where !folder.isEmpty {
            if folder.count < names.count, !PathText.isSame(names[0], metainfo.name) { continue }
            if files.contains(where: { $0.isBelow(folder) }) { return .folder(folder) }
        }
        let named = files.filter { file in file.path.last.map { PathText.isSame($0, text) } ?? false }
        guard let file = named.first else { throw notFound(text, metainfo) }
        guard named.count == 1 else {
            throw .usage("\(named.count) files are called “\(text.printable)”: give the number of one of them")
        }
        return .file(file.index)
    }

    private static func notFound(_ text: String, _ metainfo: Metainfo) -> Failure {
        .usage("\(metainfo.name.printable) has no file or folder “\(text.printable)”; `pieces files` lists them")
    }

    /// The names of the torrent's files after the change. `plain` is the metainfo without other names.
    func applied(to renames: Renames, of metainfo: Metainfo, plain: Metainfo) -> Renames {
        var renames = renames
        func set(_ index: Int, _ path: String) {
            renames.files[index] = PathText.isSame(plain.layout.files[index].pathBelowRoot, path) ? nil : path
        }
        switch subject {
        case .root: renames.root = PathText.isSame(plain.name, path) ? nil : path
        case .file(let index): set(index, path)
        case .folder(let names):
            for file in metainfo.layout.files where !file.isPad && file.isBelow(names) {
                set(file.index, ([path] + file.path.dropFirst(1 + names.count)).joined(separator: "/"))
            }
        }
        return renames
    }
}

extension FileEntry {
    /// Whether the file is in this folder below the torrent's own, or in one below it.
    fileprivate func isBelow(_ folder: [String]) -> Bool {
        path.count > folder.count + 1 && zip(path.dropFirst(), folder).allSatisfy { PathText.isSame($0, $1) }
    }
}
