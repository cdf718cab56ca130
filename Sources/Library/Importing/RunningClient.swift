import Import
import System
import SystemPackage
import Torrent

/// Whether a client runs on the state that is to be imported. Its files may then be older than what it knows, and it
/// would continue to write to the payload.
enum RunningClient {
    /// Why the client seems to run, in one sentence; `nil` if it doesn't.
    static func sign(of state: ForeignState) -> String? { sign(of: state.client, at: state.path) }

    static func sign(of client: ForeignClient, at path: FilePath) -> String? {
        if let process = lockHolder(client, path) {
            return "\(client.title) is running (process \(process)) and holds the lock of \(path.text.printable)"
        }
        for process in Processes.named(names(client)) where uses(process, client, path) {
            return "\(client.title) seems to be running on \(path.text.printable) (process \(process.id))"
        }
        return nil
    }

    /// The names of the programs, whose ends are left out.
    private static func names(_ client: ForeignClient) -> [String] {
        switch client {
        case .qbittorrent: ["qbittorrent"]
        case .transmission: ["transmission-da", "transmission-gt", "transmission-qt"]
        case .rtorrent: ["rtorrent"]
        case .deluge: ["deluge"]
        case .aria2: ["aria2c"]
        case .libtorrent: []
        }
    }

    // MARK: Locks

    private static func lockHolder(_ client: ForeignClient, _ path: FilePath) -> Int32? {
        switch client {
        case .qbittorrent:
            // The lock is in the folder of settings, which is the sibling of the folder of data in a profile.
            return qBittorrentLocks(path).lazy.compactMap { Processes.holder(ofLock: $0) }.first
        case .rtorrent:
            // `host:+process`
            return process(in: path.appending("rtorrent.lock"), after: UInt8(ascii: "+"))
        case .deluge:
            var folder = path
            for _ in 0..<3 {
                if let found = process(in: folder.appending("deluged.pid"), after: nil) { return found }
                folder.removeLastComponent()
            }
            return nil
        case .transmission, .aria2, .libtorrent: return nil
        }
    }

    private static func qBittorrentLocks(_ path: FilePath) -> [FilePath] {
        var locks: [FilePath] = []
        var folder = path
        while let name = folder.lastComponent {
            if name.text == "qBittorrent" || name.text.hasPrefix("qBittorrent_") {
                let above = folder.removingLastComponent()
                locks.append(folder.appending("lockfile"))
                // PROFILE/qBittorrent/{config,data}, or ~/.local/share/qBittorrent and ~/.config/qBittorrent.
                locks.append(folder.appending("config").appending("lockfile"))
                let home = above.removingLastComponent().removingLastComponent()
                locks.append(home.appending(".config").appending(name).appending("lockfile"))
            }
            folder.removeLastComponent()
        }
        return locks
    }

    /// The running process whose number is the file's first one after a byte.
    private static func process(in file: FilePath, after mark: UInt8?) -> Int32? {
        guard let bytes = KernelFile.read(file) else { return nil }
        let digits = (mark.map { mark in bytes.drop { $0 != mark }.dropFirst() } ?? bytes[...])
            .prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let id = Int32(String(decoding: digits, as: UTF8.self)), Processes.runs(id) else { return nil }
        return id
    }

    // MARK: Processes

    /// Whether the process works in the folder: by an argument that names it or a folder above it, or because it was
    /// started without one and the folder is a usual one of its user.
    private static func uses(_ process: Processes.Found, _ client: ForeignClient, _ path: FilePath) -> Bool {
        let place = PathCalls.resolved(path) ?? path
        let named = process.arguments.dropFirst().compactMap { folder(in: $0, of: process) }
        if named.contains(where: { place.starts(with: $0) || $0.starts(with: place) && $0 != "/" }) { return true }
        let options = folderOptions(client)
        let hasOption = process.arguments.dropFirst().contains { argument in
            options.contains { argument.starts(with: $0.utf8) }
        }
        guard !hasOption, let home = process.home else { return false }
        return ForeignFolders.usual(client) { $0 == "HOME" ? PathText.text(home) : nil }.contains {
            place.starts(with: PathCalls.resolved(FilePath(text: $0)) ?? FilePath(text: $0))
        }
    }

    /// The options that give a client another folder than its usual one.
    private static func folderOptions(_ client: ForeignClient) -> [String] {
        switch client {
        case .qbittorrent: ["--profile", "--configuration"]
        case .transmission: ["-g", "--config-dir"]
        case .rtorrent: ["-s", "-o", "-n"]
        case .deluge: ["-c", "--config"]
        case .aria2: ["--save-session", "--input-file", "-i"]
        case .libtorrent: []
        }
    }

    /// The existing path that an argument names, alone or after `=`.
    private static func folder(in argument: [UInt8], of process: Processes.Found) -> FilePath? {
        let value = argument.lastIndex(of: UInt8(ascii: "=")).map { argument[($0 + 1)...] } ?? argument[...]
        guard value.count > 1, value.first != UInt8(ascii: "-") else { return nil }
        let path = FilePath(text: PathText.text(value))
        return PathCalls.resolved(path.isAbsolute ? path : (process.folder ?? "/").pushing(path))
    }
}
