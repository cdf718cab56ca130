import Glibc
import SystemPackage

/// Names in the database's folder that outlive a power cut: every change is synced with the folder.
enum Folder {
    static func rename(_ old: FilePath, to new: FilePath, syncing: Bool = true) throws(StoreError) {
        guard Glibc.rename(old.string, new.string) == 0 else { throw fault("rename", old) }
        if syncing { try sync(of: new) }
    }

    /// Removes the file; that there is none is as good.
    static func remove(_ file: FilePath) throws(StoreError) {
        guard unlink(file.string) == 0 || errno == ENOENT else { throw fault("remove", file) }
    }

    /// Syncs the folder that the file is in.
    static func sync(of file: FilePath) throws(StoreError) { try sync(folder(of: file), O_RDONLY | O_DIRECTORY) }

    /// Syncs a file that is no open database: see ``DatabaseFile`` for what closing one would do.
    static func syncFile(_ file: FilePath) throws(StoreError) { try sync(file, O_RDONLY) }

    /// The names in the folder that the file is in.
    static func names(beside file: FilePath) throws(StoreError) -> [String] {
        let folder = folder(of: file)
        guard let directory = opendir(folder.string) else { throw fault("list the folder", folder) }
        // It was only read.
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names
    }

    static func folder(of file: FilePath) -> FilePath {
        let name = file.removingLastComponent()
        return name.isEmpty ? FilePath(".") : name
    }

    private static func sync(_ path: FilePath, _ flags: Int32) throws(StoreError) {
        let descriptor = retrying { Glibc.open(path.string, flags | O_CLOEXEC) }
        guard descriptor >= 0 else { throw fault("open", path) }
        let synced = retrying { fsync(descriptor) }
        // Where there is no fsync for folders (EINVAL, fsync(2)) the file system keeps names its own way.
        let fault = synced == 0 || errno == EINVAL ? nil : fault("sync", path)
        // Nothing was written through it.
        Glibc.close(descriptor)
        if let fault { throw fault }
    }

    private static func retrying(_ call: () -> Int32) -> Int32 {
        while true {
            let result = call()
            if result >= 0 || errno != EINTR { return result }
        }
    }

    /// What the system said of the last call.
    static func fault(_ action: String, _ path: FilePath) -> StoreError {
        let reason = errno
        let code: StoreError.Code = reason == ENOSPC || reason == EDQUOT ? .full : reason == EROFS || reason == EACCES ? .readOnly : .io
        return StoreError(
            code, path: path.string,
            "cannot \(action) it: \(String(cString: strerror(reason))): see that the folder is there, has space and may be written")
    }
}
