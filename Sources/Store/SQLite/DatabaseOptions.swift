/// How a database is opened, beside its path.
package struct DatabaseOptions: Sendable {
    /// The name of the SQLite VFS that reaches the files (sqlite.org/vfs.html); `nil` is the system's own.
    package var vfs: String?
    /// What changes the names in its folder.
    package var folderCalls: any FolderCalls = SystemFolderCalls()
    /// Pages (of 4 KiB) in the write-ahead log at which a commit also checkpoints: it bounds the log, and what a start
    /// has to read.
    package var checkpointPages = 1000
    /// What the database lies on; `nil` is what the kernel says.
    package var fileSystem: FileSystemKind?

    var folder: Folder { Folder(calls: folderCalls) }

    package init(fileSystem: FileSystemKind? = nil) { self.fileSystem = fileSystem }
}
