import System
package import SystemPackage
import Torrent

/// Files that are put below a prefix, such as /usr/local, and taken away again.
package struct Installation: Sendable {
    package struct Item: Sendable {
        /// Below the prefix, without a leading `/`.
        package let path: String
        package let bytes: [UInt8]
        package let isExecutable: Bool

        package init(_ path: String, _ bytes: [UInt8], isExecutable: Bool = false) {
            self.path = path
            self.bytes = bytes
            self.isExecutable = isExecutable
        }
    }

    package let prefix: FilePath

    package init(prefix: FilePath) { self.prefix = prefix }

    /// Writes the files, each complete or not at all, and makes missing folders.
    package func put(_ items: [Item]) throws {
        for item in items {
            let path = path(item.path)
            try Self.makeFolders(path.removingLastComponent())
            try NewFile.write(item.bytes, to: path, replacing: true, isExecutable: item.isExecutable)
        }
    }

    package func path(_ item: String) -> FilePath { prefix.pushing(FilePath(text: item)) }

    package func has(_ item: String) -> Bool { PathCalls.exists(path(item)) }

    /// Removes the files that are there, and returns them.
    package func remove(_ paths: [String]) throws -> [FilePath] {
        try paths.compactMap { try Self.remove(path($0)) }
    }

    /// Removes a file; `nil` if there was none.
    package static func remove(_ path: FilePath) throws -> FilePath? {
        do {
            try PathCalls.removeFile(path)
            return path
        } catch {
            guard error == .noSuchFileOrDirectory || error == .notDirectory else {
                throw Failure("cannot remove \(path.text.printable): \(error)\(advice(error))")
            }
            return nil
        }
    }

    package static func makeFolders(_ path: FilePath) throws {
        var at = path.root.map { FilePath(root: $0) } ?? ""
        for component in path.components {
            at.append(component)
            guard !PathCalls.exists(at) else { continue }
            do { try PathCalls.makeFolder(at) } catch {
                throw Failure("cannot make the folder \(at.text.printable): \(error)\(advice(error))")
            }
        }
    }

    private static func advice(_ error: Errno) -> String {
        error == .permissionDenied || error == .notPermitted
            ? ": run the command with sudo, or choose a folder of your own" : ""
    }
}
