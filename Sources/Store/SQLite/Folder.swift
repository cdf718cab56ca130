import Glibc
import System
package import SystemPackage
package import Torrent

/// Changes names in the database's folder so that they survive a power cut: every change is followed by a sync of the
/// folder.
package struct Folder {
    let calls: any FolderCalls

    package func rename(_ old: FilePath, to new: FilePath, syncing: Bool = true) throws(StoreError) {
        do throws(Errno) { try calls.rename(old, to: new) } catch { throw Self.fault("rename", old, error) }
        if syncing { try sync(of: new) }
    }

    /// Removes the file. A missing file is not an error.
    package func remove(_ file: FilePath) throws(StoreError) {
        do throws(Errno) { try calls.remove(file) } catch {
            guard error == .noSuchFileOrDirectory else { throw Self.fault("remove", file, error) }
        }
    }

    package func setTime(_ file: FilePath, to moment: Timestamp) throws(StoreError) {
        do throws(Errno) { try calls.setTime(file, to: moment) } catch {
            throw Self.fault("set the time of", file, error)
        }
    }

    /// Syncs the folder that the file is in.
    package func sync(of file: FilePath) throws(StoreError) {
        let folder = Self.folder(of: file)
        do throws(Errno) { try calls.syncFolder(folder) } catch { throw Self.fault("sync", folder, error) }
    }

    /// Syncs a file that is not an open database: ``DatabaseFile`` explains what closing one would do.
    package func syncFile(_ file: FilePath) throws(StoreError) {
        do throws(Errno) { try calls.syncFile(file) } catch { throw Self.fault("sync", file, error) }
    }

    /// The names in the file's folder, each as ``PathText``.
    package static func names(beside file: FilePath) throws(StoreError) -> [String] {
        let folder = folder(of: file)
        guard let directory = folder.withPlatformString({ opendir($0) }) else { throw fault("list the folder", folder) }
        // The directory was only read.
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(withUnsafeBytes(of: entry.pointee.d_name) { PathText.text($0.prefix { $0 != 0 }) })
        }
        return names
    }

    package static func folder(of file: FilePath) -> FilePath {
        let name = file.removingLastComponent()
        return name.isEmpty ? FilePath(".") : name
    }

    /// An error with the system's reason, which defaults to that of the last call.
    package static func fault(_ action: String, _ path: FilePath, _ error: Errno = Errno(rawValue: errno)) -> StoreError
    {
        let reason = error.rawValue
        let code: StoreError.Code =
            reason == ENOSPC || reason == EDQUOT ? .full : reason == EROFS || reason == EACCES ? .readOnly : .io
        return StoreError(
            code, path: path.text,
            "cannot \(action) it: \(String(cString: strerror(reason))): "
                + (ProcessLimit(errno: reason)?.advice ?? "check that the folder exists, has free space and is writable")
        )
    }
}
