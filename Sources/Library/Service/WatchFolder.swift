import Store
import System
package import SystemPackage
import Torrent

/// Adds the .torrent files that appear in a folder, and the .magnet files, which contain one magnet link each, and sets
/// them aside: `NAME.added`, or `NAME.failed` if a file can't be added.
package struct WatchFolder {
    /// How long a file that can't be read may stay unchanged before it counts as failed: a copy may have stalled.
    private static let patience = Duration.seconds(30)
    /// The most files in one look.
    private static let fileLimit = 500
    private static let magnetEnding = ".magnet"

    private struct Seen: Equatable {
        let size: Int64
        let modified: Int64
        var since: ContinuousClock.Instant

        func isSame(as other: Seen) -> Bool { size == other.size && modified == other.modified }
    }

    private let database: FilePath
    private var seen: [String: Seen] = [:]

    package init(database: FilePath) { self.database = database }

    /// Looks once, and returns a sentence about each file that was added or set aside. A file is added when it is the
    /// same in two looks.
    package mutating func look(_ settings: Settings, now: ContinuousClock.Instant = .now) async throws -> [String] {
        guard let path = settings.text(.watch) else {
            seen = [:]
            return []
        }
        let folder = FilePath(text: path)
        var known: [String: Seen] = [:]
        var news: [String] = []
        for name in try Self.names(in: folder) {
            let file = folder.appending(name: name)
            guard var look = Self.look(at: file, now) else { continue }
            let before = seen[name]
            if let before, before.isSame(as: look) { look.since = before.since }
            known[name] = look
            guard let before, before.isSame(as: look) else { continue }
            if let sentence = try await add(file, unchangedFor: now - look.since, settings) {
                news.append(sentence)
                known[name] = nil
            }
        }
        seen = known
        return news
    }

    /// Adds the file, and sets it aside; `nil` if it may still be incomplete.
    private func add(_ file: FilePath, unchangedFor time: Duration, _ settings: Settings) async throws -> String? {
        let text = file.text
        let source: ReadSources
        do { source = try Self.read(file) } catch {
            return time < Self.patience ? nil : try setAside(file, "failed", "\(error)")
        }
        let output = settings.text(.watchOutput) ?? settings.text(.output) ?? file.removingLastComponent().text
        var request = AddRequest(
            Library(try Connection.open(database, mode: .readWrite, now: .now())),
            AddOptions(
                output: nil, standardOutput: output, incompleteFolder: settings.text(.incompleteFolder),
                allocatesFull: settings.allocatesFull ?? false))
        request.unpausesKnown = false
        var refusal: String?
        var entries: [AddRequest.Entry] = []
        do {
            entries = try await request.add(source.torrents) { refusal = $0 }
            entries += try await request.add(magnets: source.magnets)
        } catch let failure as Failure {
            // What is wrong with this torrent must not keep the others waiting.
            refusal = failure.description
        }
        if let refusal { return try setAside(file, "failed", refusal) }
        let number = entries.first.map { "torrent \($0.id)\($0.isNew ? "" : ", which was there already")" } ?? "nothing"
        return try setAside(file, "added", "\(text.printable): added as \(number)")
    }

    /// Reads the .torrent, or the magnet link in the file.
    private static func read(_ file: FilePath) throws -> ReadSources {
        guard file.text.lowercased().hasSuffix(magnetEnding) else {
            return ReadSources(try TorrentSource(file.text).readFile())
        }
        let bytes = try TorrentSource.contents(of: file.text)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure("\(file.text.printable) is not a text file with a magnet link")
        }
        do throws(MagnetLinkError) { return ReadSources(try MagnetLink(text)) } catch {
            throw Failure("\(file.text.printable): \(error)")
        }
    }

    /// Renames the file, so that it isn't looked at again. No other file is replaced: a name that is taken gets a
    /// number.
    private func setAside(_ file: FilePath, _ ending: String, _ sentence: String) throws -> String {
        let (folder, name) = (file.removingLastComponent(), file.lastComponent?.text ?? "")
        do throws(Errno) {
            for number in 1...Self.fileLimit {
                let target = folder.appending(name: number == 1 ? "\(name).\(ending)" : "\(name).\(number).\(ending)")
                if try Self.move(file, to: target) { return sentence }
            }
            throw .fileExists
        } catch {
            throw Failure(
                "cannot rename \(file.text.printable) in the watch folder: \(error): make the folder writable for this user"
            )
        }
    }

    /// Returns whether the name was free.
    private static func move(_ file: FilePath, to target: FilePath) throws(Errno) -> Bool {
        do {
            try PathCalls.link(file, to: target)
        } catch .fileExists {
            return false
        } catch .notPermitted, .notSupported {
            // A file system without links.
            guard !PathCalls.exists(target) else { return false }
            try PathCalls.rename(file, to: target)
            return true
        } catch { throw error }
        try PathCalls.removeFile(file)
        return true
    }

    private static func names(in folder: FilePath) throws -> [String] {
        let all: [[UInt8]]
        do { all = try PathCalls.names(in: folder) } catch {
            throw Failure(
                "cannot read the watch folder \(folder.text.printable): \(error): create it, or change the setting `watch`"
            )
        }
        let names = all.map { PathText.text($0) }.filter { name in
            !name.hasPrefix(".") && ([".torrent", magnetEnding].contains { name.lowercased().hasSuffix($0) })
        }
        return Array(names.sorted().prefix(fileLimit))
    }

    private static func look(at file: FilePath, _ now: ContinuousClock.Instant) -> Seen? {
        do {
            let status = try PathCalls.status(file)
            return status.kind == .file ? Seen(size: status.size, modified: status.modifiedNs, since: now) : nil
        } catch {
            // It was taken away in between.
            return nil
        }
    }
}
