/// How a database is opened, besides its path.
package struct DatabaseOptions: Sendable {
    /// The name of the SQLite VFS that accesses the files (sqlite.org/vfs.html); `nil` for the default one.
    package var vfs: String?
    /// The calls that change names in the database's folder.
    package var folderCalls: any FolderCalls = SystemFolderCalls()
    /// The number of pages (of 4 KiB) in the write-ahead log at which a commit also checkpoints. It bounds the log, and
    /// what must be read at a start.
    package var checkpointPages = 1000
    /// The kind of file system of the database; `nil` to ask the kernel.
    package var fileSystem: FileSystemKind?

    package var folder: Folder { Folder(calls: folderCalls) }

    package init(fileSystem: FileSystemKind? = nil) { self.fileSystem = fileSystem }
}
