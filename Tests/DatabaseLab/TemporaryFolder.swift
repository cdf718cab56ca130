import Glibc
package import Store
package import SystemPackage
import Testing
import Torrent

/// A folder that is removed with all that is in it when the test ends.
package final class TemporaryFolder: Sendable {
    package let path: FilePath

    /// `inMemory` where the machine has such a file system (shm_overview(7)): for tests that sync thousands of times.
    package init(inMemory: Bool = false) throws {
        let parent = inMemory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(parent)/pieces-store-XXXXXX".utf8CString)
        let made = try #require(template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) })
        path = FilePath(String(cString: made))
    }

    deinit {
        for name in names(in: path) { _ = path.appending(name: name).withPlatformString { unlink($0) } }
        rmdir(path.string)
    }

    package var database: FilePath { path.appending("pieces.db") }

    package func connection(_ mode: Connection.Mode = .readWriteCreate) throws(StoreError) -> Connection {
        try Connection.open(database, mode: mode, now: noon)
    }
}

/// What is in a folder, each name as ``PathText``.
package func names(in folder: FilePath) -> [String] {
    guard let directory = opendir(folder.string) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { PathText.text($0.prefix { $0 != 0 }) }
        if name != "." && name != ".." { names.append(name) }
    }
    return names
}
