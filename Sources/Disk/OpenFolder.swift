import SystemPackage
import Torrent

/// An output folder that stays open for files that are opened together, and the directory in which the last of them was
/// made: files of a directory mostly follow each other.
final class OpenFolder {
    let folder: PayloadFolder
    private var path: [FileName] = []
    private var directory: Directory?

    init(_ folder: consuming PayloadFolder) { self.folder = folder }

    /// Makes a file that is not there yet, and the directories on the way. Throws `EEXIST` when the file is there by
    /// now.
    func create(_ components: [String]) throws(DiskError) -> Int32 {
        _ = try folder.checked(components)
        let parent = components.dropLast()
        let names = parent.map(FileName.init)
        if directory != nil, path == names {
            // Somebody may have removed the directory since: then it is made once more.
            do { return try create(components, in: directory) } catch  where error.code == .notFound { directory = nil }
        }
        directory = nil
        let opened = try folder.directory(parent, creating: true)
        path = names
        directory = consume opened
        return try create(components, in: directory)
    }

    private func create(_ components: [String], in directory: borrowing Directory?) throws(DiskError) -> Int32 {
        switch directory {
        case .some(let directory): return try folder.create(components, in: directory)
        case nil: preconditionFailure("the directory was opened")
        }
    }
}
