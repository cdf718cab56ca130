import Torrent

/// A fault of the order of things, put into a recorded run: a harness that doesn't find it would find nothing.
///
/// Each leaves as many entries as there were, so that positions mean the same.
package enum Mutation: String, Sendable, CaseIterable, CustomStringConvertible {
    /// The commit comes before the sync of what it claims.
    case commitBeforeSync = "sync and commit are swapped"
    /// One `fdatasync` isn't made.
    case missingFileSync = "one fdatasync is dropped"
    /// The one call that syncs many files isn't made.
    case missingVolumeSync = "a whole volume's sync is dropped"
    /// The `fsync` of a directory isn't made.
    case missingDirectorySync = "a directory's fsync is dropped"
    /// A write fails, and the caller goes on as if it hadn't.
    case ignoredWriteError = "the error of a write is ignored"
    /// A sync fails and takes the pages with it, and the caller goes on as if it hadn't.
    case ignoredSyncError = "the error of an fdatasync is ignored"
    /// The database never syncs (`synchronous=OFF`).
    case neverSyncedDatabase = "the database is written with synchronous=OFF"
    /// A database that was made beside another gets its name before it is synced.
    case renameBeforeSync = "a database is renamed before it is synced"

    package var description: String { rawValue }

    /// Runs in which it does something.
    package var scenarios: [Scenario] {
        switch self {
        case .renameBeforeSync: [.backups]
        case .missingVolumeSync: [.syncedTogether]
        case .missingFileSync: [.manySmallFiles, .checkpoints, .syncedTogether]
        default: [.manySmallFiles, .checkpoints]
        }
    }

    /// The run on a disk to which that happened; what exactly, by seed.
    package func mutated(_ run: RecordedRun, seed: UInt64) -> RecordedRun {
        run.changing { change($0, seed) }
    }

    private func change(_ entries: [LogEntry], _ seed: UInt64) -> [LogEntry] {
        switch self {
        case .commitBeforeSync: return Self.delayingSyncs(entries)
        case .missingFileSync: return Self.replacing(Self.pick(Self.lastFileSyncs(entries), seed), in: entries)
        case .missingVolumeSync: return Self.replacing(Self.lastVolumeSync(entries), in: entries)
        case .missingDirectorySync: return Self.replacing(Self.directorySyncs(entries, seed), in: entries)
        case .ignoredWriteError: return Self.replacing(Self.pick(Self.writes(entries), seed), in: entries)
        case .ignoredSyncError:
            let syncs = Self.pick(Self.lastFileSyncs(entries), seed)
            return Self.replacing(syncs.flatMap { Self.writes(lostBy: $0, entries) + [$0] }, in: entries)
        case .neverSyncedDatabase:
            return Self.replacing(
                entries.indices.filter { Self.isSync(entries[$0].operation, of: .database) }, in: entries)
        case .renameBeforeSync: return Self.replacing(Self.syncsBeforeRenames(entries), in: entries)
        }
    }

    private static func replacing(_ indices: [Int], in entries: [LogEntry]) -> [LogEntry] {
        var entries = entries
        for index in indices { entries[index] = LogEntry(entries[index].number, .nothing) }
        return entries
    }

    /// One of them; none where there is none, as in a run whose last writes were all synced twice.
    private static func pick(_ indices: [Int], _ seed: UInt64) -> [Int] {
        guard !indices.isEmpty else { return [] }
        var random = SeededGenerator(scattered: seed)
        return [indices[random.next(indices.count)]]
    }

    private static func isSync(_ operation: DiskOperation, of owner: Owner) -> Bool {
        switch operation {
        case .syncFile(_, _, owner), .syncWhole(_, _, owner), .syncDirectory(_, _, owner): true
        default: false
        }
    }

    private static func syncsBeforeRenames(_ entries: [LogEntry]) -> [Int] {
        var renamed: Set<Node> = []
        return entries.indices.reversed().filter { index in
            switch entries[index].operation {
            case .rename(let node, _, _, _):
                renamed.insert(node)
                return false
            case .syncFile(let node, _, _), .syncWhole(let node, _, _): return renamed.contains(node)
            default: return false
            }
        }
    }

    /// Syncs of payload files that have something to sync, and that the file's next one doesn't make up for: there is
    /// none.
    private static func lastFileSyncs(_ entries: [LogEntry]) -> [Int] {
        var last: [Node: Int] = [:]
        for (index, entry) in entries.enumerated() {
            if case .syncFile(let node, _, .payload) = entry.operation { last[node] = index }
        }
        return last.values.filter { !writes(lostBy: $0, entries).isEmpty }.sorted()
    }

    /// The last sync of many files at once that had something to sync: those that follow would make up for one before.
    private static func lastVolumeSync(_ entries: [LogEntry]) -> [Int] {
        let needed = Set(lastFileSyncs(entries))
        return volumeSyncs(entries).last { $0.contains { needed.contains($0) } } ?? []
    }

    /// Entries that were noted as one: more of them than threads that sync, with one beginning.
    private static func volumeSyncs(_ entries: [LogEntry]) -> [[Int]] {
        var groups: [(began: Int, indices: [Int])] = []
        for (index, entry) in entries.enumerated() {
            switch entry.operation {
            case .syncFile(_, let began, .payload), .syncDirectory(_, let began, .payload):
                if let last = groups.last, last.began == began, last.indices.last == index - 1 {
                    groups[groups.count - 1].indices.append(index)
                } else {
                    groups.append((began, [index]))
                }
            default: continue
            }
        }
        return groups.map(\.indices).filter { $0.count > 2 }
    }

    /// All syncs of one directory that came to have names.
    private static func directorySyncs(_ entries: [LogEntry], _ seed: UInt64) -> [Int] {
        var syncs: [Node: [Int]] = [:]
        for (index, entry) in entries.enumerated() {
            if case .syncDirectory(let node, _, .payload) = entry.operation { syncs[node, default: []].append(index) }
        }
        // The root's are also made by the database.
        syncs[.root] = nil
        let nodes = syncs.keys.sorted()
        var random = SeededGenerator(scattered: seed)
        return syncs[nodes[random.next(nodes.count)]] ?? []
    }

    private static func writes(_ entries: [LogEntry]) -> [Int] {
        let files = Set(
            lastFileSyncs(entries).compactMap {
                if case .syncFile(let node, _, _) = entries[$0].operation { node } else { nil }
            })
        return entries.indices.filter {
            if case .write(let node, _, _, _) = entries[$0].operation { files.contains(node) } else { false }
        }
    }

    /// What was written to the file since its sync before this one.
    private static func writes(lostBy sync: Int, _ entries: [LogEntry]) -> [Int] {
        guard case .syncFile(let node, let began, _) = entries[sync].operation else { return [] }
        var found: [Int] = []
        for index in entries.indices[..<sync] {
            switch entries[index].operation {
            case .write(node, _, _, _) where entries[index].number < began: found.append(index)
            case .syncFile(node, _, _): found = []
            default: continue
            }
        }
        return found
    }

    /// Every sync of the payload is made right after the database's next one.
    private static func delayingSyncs(_ entries: [LogEntry]) -> [LogEntry] {
        var result: [LogEntry] = []
        var waiting: [LogEntry] = []
        for entry in entries {
            if isSync(entry.operation, of: .payload) {
                waiting.append(entry)
            } else {
                result.append(entry)
                if case .syncFile(_, _, .database) = entry.operation {
                    result += waiting
                    waiting = []
                }
            }
        }
        return result + waiting
    }
}
