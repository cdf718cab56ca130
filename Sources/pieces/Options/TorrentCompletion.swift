import ArgumentParser
import Library
import Store
import SystemPackage
import Torrent
import Verification

/// What the shell completions offer for torrents and their files. They read the database, and offer nothing if that
/// isn't possible.
enum TorrentCompletion {
    /// The names of torrents, and behind a digit the numbers.
    static let torrents = torrents(and: [])

    /// The same, and these words.
    static func torrents(and more: [String]) -> CompletionKind {
        .custom { words, _, prefix in
            offered(torrents(words, bare(prefix)) + more.filter { $0.hasPrefix(bare(prefix)) })
        }
    }

    /// The names of torrents, and the .torrent files and folders at the path.
    static let torrentsAndFiles = CompletionKind.custom { words, _, prefix in
        offered(torrents(words, bare(prefix)) + files(bare(prefix)))
    }

    /// The names of torrents, and the folders at the path.
    static let torrentsAndFolders = CompletionKind.custom { words, _, prefix in
        offered(torrents(words, bare(prefix)) + files(bare(prefix)).filter { $0.hasSuffix("/") })
    }

    /// The labels of torrents.
    static let labels = CompletionKind.custom { words, _, prefix in
        offered(reading(words) { try $0.labels().map(\.name) }.filter { $0.hasPrefix(bare(prefix)) })
    }

    /// The paths of the files in the torrent that the command line names before.
    static let filesOfTorrent = CompletionKind.custom { words, _, prefix in
        // The words are `pieces select TORRENT PATTERN…`.
        guard let torrent = words.dropFirst(2).first(where: { !$0.hasPrefix("-") }) else { return [] }
        let paths: [String] = reading(words) { library in
            try library.files(of: bare(torrent)).torrent.metainfo.layout.files.filter { !$0.isPad }.map(\.displayPath)
        }
        return offered(paths.filter { $0.hasPrefix(bare(prefix)) })
    }

    private static func torrents(_ words: [String], _ prefix: String) -> [String] {
        reading(words) { library in
            try library.numbers(beginning: prefix).map { "\($0)" } + library.names(beginning: prefix)
        }
    }

    private static func files(_ prefix: String) -> [String] {
        let folder = prefix.lastIndex(of: "/").map { String(prefix[...$0]) } ?? ""
        let name = prefix.dropFirst(folder.count)
        do {
            return try ContentScan.entries(FilePath(text: folder.isEmpty ? "." : folder)).compactMap { entry in
                guard entry.hasPrefix(name), name.hasPrefix(".") || !entry.hasPrefix(".") else { return nil }
                let path = folder + entry
                if NewFile.isFolder(FilePath(text: path)) { return path + "/" }
                return entry.hasSuffix(".torrent") ? path : nil
            }
        } catch {
            return []
        }
    }

    /// What `body` returns from the database that the command line names; nothing if it can't be read.
    private static func reading(_ words: [String], _ body: (Library) throws -> [String]) -> [String] {
        do {
            let path = try GlobalOptions.path(database(words))
            guard let connection = try DatabaseAccess(path).toReadIfAny() else { return [] }
            return try body(Library(connection))
        } catch {
            return []
        }
    }

    private static func database(_ words: [String]) -> String? {
        let option = "--database"
        if let at = words.firstIndex(of: option), at + 1 < words.count { return home(bare(words[at + 1])) }
        return words.first { $0.hasPrefix(option + "=") }.map { home(bare(String($0.dropFirst(option.count + 1)))) }
    }

    /// The path with the home folder for `~`, which the shell has not replaced yet.
    private static func home(_ path: String) -> String {
        guard path.hasPrefix("~/"), let home = GlobalOptions.environment("HOME") else { return path }
        return home + path.dropFirst()
    }

    /// The word without the shell's quotes and backslashes.
    private static func bare(_ word: String) -> String { word.filter { !"\\\"'".contains($0) } }

    /// The words in the form that the shell expects. Names that would disturb a terminal are left out.
    private static func offered(_ words: [String]) -> [String] {
        words.filter { $0 == $0.printable && !PathText.isEscaped($0) }.map { word in
            switch CompletionShell.requesting {
            // `compgen -W` expands each word, and a name must never run a command.
            case CompletionShell.bash: escaped(word, "\\$`\"'~<>(){}&|;!")
            // A colon begins the description.
            case CompletionShell.zsh: escaped(word, "\\:")
            default: word
            }
        }
    }

    private static func escaped(_ word: String, _ special: String) -> String {
        word.reduce(into: "") { $0 += special.contains($1) ? "\\\($1)" : String($1) }
    }
}
