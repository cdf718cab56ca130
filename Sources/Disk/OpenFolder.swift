import SystemPackage
import Torrent

/// An output folder that stays open for files that are opened together, with the directory of the file created last,
/// because consecutive files mostly share a directory.
package final class OpenFolder {
    package let folder: PayloadFolder
    private var path: [FileName] = []
    private var directory: Directory?

    package init(_ folder: consuming PayloadFolder) { self.folder = folder }

    /// Creates a new file and the missing directories on its path. Throws `EEXIST` when the file already exists.
    package func create(_ components: [String]) throws(DiskError) -> Int32 {
        _ = try folder.checked(components)
        let parent = components.dropLast()
        let names = parent.map(FileName.init)
        if directory != nil, path == names {
            // If the directory was removed in the meantime, it is created again.
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
