package import Import
import Store
import System
package import SystemPackage
import Torrent

/// The user's options for an import.
package struct ImportOptions: Sendable {
    package var client: ForeignClient?
    /// Where the client keeps its state; `nil` looks at the usual folders.
    package var folder: String?
    /// A folder with .torrent files, for clients that don't keep them.
    package var torrents: String?
    package var map: PathMap
    /// Whether the import proceeds although the client seems to run.
    package var mayRun = false
    /// A variable of the environment.
    package var environment: @Sendable (String) -> String? = { ThisProcess.variable($0).map { PathText.text($0) } }

    package init(map: PathMap) { self.map = map }
}

/// What is found of other clients on this machine, and what would become of each torrent. Nothing is changed.
///
/// A .torrent may have megabytes, and there may be tens of thousands. So each record is read here for its facts, and
/// once more when it is inserted.
package struct ImportSurvey {
    /// The most words of a sentence about several places.
    private static let namedPlaces = 3

    /// The torrents, in the order in which they are to be hashed.
    package private(set) var items: [ImportItem] = []
    /// Sentences about the places.
    package private(set) var notes: [String] = []
    /// The places that were read, and how many torrents each has.
    package private(set) var places: [(client: ForeignClient, path: FilePath, count: Int)] = []
    /// For each item, which record of which place it is.
    private var sources: [(state: Int, record: Int)] = []
    private var states: [ForeignState] = []
    private let map: PathMap

    package init(_ options: ImportOptions, _ library: Library?) throws {
        map = options.map
        let torrents = try options.torrents.map { try TorrentFolder(try NewFile.absolute($0)) }
        for (client, path) in try Self.places(options) {
            let state = try ForeignState(path, of: client, torrents: torrents)
            try require(state, options)
            states.append(state)
            notes += state.notes
            places.append((state.client, state.path, state.records.count))
        }
        try survey(library)
    }

    /// The places that the user gave, or those that exist of the usual ones.
    private static func places(_ options: ImportOptions) throws -> [(ForeignClient?, FilePath)] {
        if let folder = options.folder { return [(options.client, try NewFile.absolute(folder))] }
        let clients = options.client.map { [$0] } ?? ForeignClient.allCases
        var found: [(ForeignClient?, FilePath)] = []
        var looked: [String] = []
        for client in clients {
            for folder in ForeignFolders.usual(client, options.environment) {
                let path = FilePath(text: folder)
                looked.append(folder)
                guard PathCalls.exists(path), isState(path, of: client) else { continue }
                found.append((client, path))
            }
        }
        guard !found.isEmpty else {
            let who = options.client.map { $0.title } ?? "no client"
            let shown = looked.prefix(namedPlaces).joined(separator: ", ")
            throw Failure(
                looked.isEmpty
                    ? "\(who) has no usual folder: give the one with its state"
                    : "found \(options.client == nil ? who : "nothing of \(who)") in the usual folders (\(shown)\(looked.count > namedPlaces ? " and others" : "")): give the folder with the client's state, and its name with --from"
            )
        }
        return found
    }

    /// A usual folder may exist without any torrents.
    private static func isState(_ path: FilePath, of client: ForeignClient) -> Bool {
        do { return try !ForeignState(path, of: client, torrents: nil).records.isEmpty } catch { return false }
    }

    private mutating func require(_ state: ForeignState, _ options: ImportOptions) throws {
        guard let sign = RunningClient.sign(of: state) else { return }
        guard options.mayRun else {
            throw Failure("\(sign): stop it first, or use --while-running, which may import an old state")
        }
        notes.append("\(sign): what it has changed since it last saved its state is not imported")
    }

    // MARK: The survey

    private mutating func survey(_ library: Library?) throws {
        var places: [InfoHash: Int] = [:]
        var queue: [Int] = []
        var use = PathMap.Use(of: map)
        for (number, state) in states.enumerated() {
            for (index, record) in state.records.enumerated() {
                var item = ImportItem(state.client, name: record.name, .new)
                var place = Int.max
                do {
                    let foreign = try state.read(record)
                    use.note(foreign)
                    place = foreign.queuePlace ?? .max
                    try Self.judge(foreign, &item, map, library)
                } catch let error as StoreError { throw error } catch {
                    item.verdict = .refused("\(error)")
                }
                if let hash = item.infoHash, case .new = item.verdict {
                    guard places[hash] == nil else {
                        notes.append(
                            "\(item.name.printable) is in \(state.path.text.printable), too: the first one counts")
                        continue
                    }
                    places[hash] = items.count
                }
                items.append(item)
                sources.append((number, index))
                queue.append(place)
            }
        }
        notes += use.notes
        order(queue)
    }

    private static func judge(
        _ foreign: ForeignTorrent, _ item: inout ImportItem, _ map: PathMap, _ library: Library?
    ) throws {
        if let name = foreign.name { item.name = name }
        item.infoHash = foreign.infoHash
        item.isPaused = foreign.isPaused
        if foreign.file == nil, let hash = foreign.infoHash {
            try note(known: hash, &item, library)
            if case .new = item.verdict { item.verdict = .magnet }
            item.omitted = foreign.omitted + foreign.needsMetadata
            guard let folder = foreign.folder else { throw ImportCandidate.noFolder }
            item.output = try ImportCandidate.absolute(map(folder))
            return
        }
        let candidate = try ImportCandidate(foreign, map)
        item.name = try candidate.named().name
        item.infoHash = candidate.metainfo.infoHash
        try note(known: candidate.metainfo.infoHash, &item, library)
        item.output = candidate.place.output
        item.rank = candidate.rank
        item.bytes = candidate.bytes
        item.device = device(of: item.output)
        item.omitted = candidate.omitted
        if candidate.lacksClaimedFiles { (item.lacksFiles, item.isPaused) = (!item.isPaused, true) }
    }

    private static func note(known hash: InfoHash, _ item: inout ImportItem, _ library: Library?) throws {
        if let row = try library?.connection.torrents.row(hash) { item.verdict = .known(row.id) }
    }

    /// The device of the folder, or of the nearest one that exists.
    static func device(of folder: String) -> UInt64 {
        var path = FilePath(text: folder)
        while true {
            do { return try PathCalls.status(path).identity.device } catch {
                guard path.removeLastComponent() else { return 0 }
            }
        }
    }

    /// The likeliest first, each rank in the order of the client's queue, one device after the other in turn.
    private mutating func order(_ queue: [Int]) {
        let sorted = items.indices.sorted { one, other in
            (items[one].rank, queue[one], one) < (items[other].rank, queue[other], other)
        }
        var turns: [UInt64: Int] = [:]
        var rank = ImportItem.Rank.sizesAndTimes
        var keys: [Int: (Int, Int)] = [:]
        for (place, index) in sorted.enumerated() {
            if items[index].rank != rank { (rank, turns) = (items[index].rank, [:]) }
            let turn = turns[items[index].device, default: 0]
            turns[items[index].device] = turn + 1
            keys[index] = (turn, place)
        }
        let order = sorted.sorted { one, other in
            let (a, b) = (keys[one] ?? (0, 0), keys[other] ?? (0, 0))
            return (items[one].rank, a.0, a.1) < (items[other].rank, b.0, b.1)
        }
        items = order.map { items[$0] }
        sources = order.map { sources[$0] }
    }

    // MARK: For the import

    /// Reads the record of an item once more.
    func foreign(_ item: Int) throws -> ForeignTorrent {
        let source = sources[item]
        return try states[source.state].read(states[source.state].records[source.record])
    }

    func candidate(_ foreign: ForeignTorrent) throws -> ImportCandidate { try ImportCandidate(foreign, map) }

    func path(of item: Int) -> String { states[sources[item].state].path.text }

    mutating func update(_ index: Int, _ change: (inout ImportItem) -> Void) { change(&items[index]) }

    /// Bytes to hash of the torrents that are new.
    package var bytes: Int64 { items.reduce(0) { $0 + ($1.verdict == .new ? $1.bytes : 0) } }

    package func count(_ isCounted: (ImportItem.Verdict) -> Bool) -> Int { items.count { isCounted($0.verdict) } }
}
