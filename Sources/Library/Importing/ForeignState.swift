import Import
import Store
import System
import SystemPackage
import Torrent

/// The records of one client at one place. They are read one at a time, because all together may not fit in memory;
/// nothing is written there.
struct ForeignState {
    /// One torrent of the client.
    struct Record: Sendable {
        /// The name in messages.
        let name: String
        fileprivate let source: Source

        fileprivate init(_ name: String, _ source: Source) {
            self.name = name
            self.source = source
        }
    }

    /// The files or the row that a record is read from.
    fileprivate enum Source: Sendable {
        case resume(FilePath, file: FilePath?)
        case row(ForeignDatabase.Value)
        case session(file: FilePath, state: FilePath?, resume: FilePath?)
        case entry(InfoHash, file: FilePath?)
        case download(Aria2.Download)
        case control(FilePath)
        case lacksResume(FilePath)
        case lacksTorrent
    }

    let client: ForeignClient
    let path: FilePath
    private(set) var records: [Record] = []
    /// Sentences about the place as a whole.
    private(set) var notes: [String] = []
    private var database: ForeignCopy?
    private var deluge: Deluge?
    private var places: [InfoHash: Int] = [:]
    /// The .torrent files in the folder that the user gave, by info hash.
    private let torrents: TorrentFolder?

    /// Finds the records. `client` is the user's choice; otherwise the names of the files show it.
    init(_ path: FilePath, of client: ForeignClient?, torrents: TorrentFolder?) throws {
        let place = try Self.recognize(path, client)
        self.client = place.client
        self.path = place.path
        self.torrents = torrents
        switch place.kind {
        case .files: try findFiles()
        case .database: try findRows()
        case .transmission: try findTransmission()
        case .session: try findSession()
        case .deluge: try findDeluge()
        case .downloads: try findDownloads()
        case .controlFiles: try findControlFiles()
        }
    }

    // MARK: Which client

    fileprivate enum Kind { case files, database, transmission, session, deluge, downloads, controlFiles }

    private static func recognize(_ path: FilePath, _ wanted: ForeignClient?) throws -> (
        client: ForeignClient, kind: Kind, path: FilePath
    ) {
        guard PathCalls.exists(path) else {
            throw Failure("\(path.text.printable) doesn't exist: give the folder in which the client keeps its state")
        }
        let found =
            NewFile.isFolder(path)
            ? try recognize(folder: path, wanted) ?? recognize(below: path, wanted) : recognize(file: path, wanted)
        guard let found, wanted == nil || wanted == found.client else {
            let what = wanted.map { "no state of \($0.title)" } ?? "no state of a known client"
            throw Failure(
                "\(path.text.printable) has \(what), nor have the usual folders below it: give the folder in which the client keeps its state, and its name with --from"
            )
        }
        return found
    }

    private static func recognize(file: FilePath, _ wanted: ForeignClient?) -> (
        client: ForeignClient, kind: Kind, path: FilePath
    )? {
        let name = file.lastComponent?.text ?? ""
        if name.hasSuffix(".db"), wanted ?? .qbittorrent == .qbittorrent { return (.qbittorrent, .database, file) }
        if name.hasPrefix("torrents.fastresume"), wanted ?? .deluge == .deluge { return (.deluge, .deluge, file) }
        return wanted ?? .aria2 == .aria2 ? (.aria2, .downloads, file) : nil
    }

    private static func recognize(folder: FilePath, _ wanted: ForeignClient?) throws -> (
        client: ForeignClient, kind: Kind, path: FilePath
    )? {
        func has(_ name: String) -> Bool { PathCalls.exists(folder.appending(name)) }
        let isOpen = { (client: ForeignClient) in wanted == nil || wanted == client }
        if isOpen(.qbittorrent), has("torrents.db") {
            return (.qbittorrent, .database, folder.appending("torrents.db"))
        }
        if isOpen(.qbittorrent), has("BT_backup") { return (.qbittorrent, .files, folder.appending("BT_backup")) }
        if isOpen(.transmission), has("resume") { return (.transmission, .transmission, folder) }
        for name in ["state/torrents.fastresume", "torrents.fastresume"] where isOpen(.deluge) && has(name) {
            return (.deluge, .deluge, folder.appending(FilePath(text: name).components))
        }
        if isOpen(.aria2), has("aria2.session") { return (.aria2, .downloads, folder.appending("aria2.session")) }
        let names = try ContentScan.entries(folder)
        if isOpen(.rtorrent), names.contains(where: isOfRTorrent) { return (.rtorrent, .session, folder) }
        if names.contains(where: { $0.hasSuffix(".fastresume") }), isOpen(.qbittorrent) {
            return (.qbittorrent, .files, folder)
        }
        if isOpen(.aria2), names.contains(where: { $0.hasSuffix(".aria2") }) { return (.aria2, .controlFiles, folder) }
        if names.contains(where: { $0.hasSuffix(".resume") || $0.hasSuffix(".fastresume") }), isOpen(.libtorrent) {
            return (.libtorrent, .files, folder)
        }
        // An old session has nothing but .torrent files, as has an empty one.
        return wanted == .rtorrent ? (.rtorrent, .session, folder) : nil
    }

    /// The state in a usual folder below this one, as in the folder that was given to `qbittorrent-nox --profile`.
    private static func recognize(below folder: FilePath, _ wanted: ForeignClient?) throws -> (
        client: ForeignClient, kind: Kind, path: FilePath
    )? {
        for client in wanted.map({ [$0] }) ?? ForeignClient.allCases {
            for below in ForeignFolders.below(client) {
                let place = folder.appending(FilePath(text: below).components)
                guard NewFile.isFolder(place) else { continue }
                if let found = try recognize(folder: place, client) { return found }
            }
        }
        return nil
    }

    private static func isOfRTorrent(_ name: String) -> Bool {
        name.hasSuffix(".torrent.rtorrent") || name.hasSuffix(".torrent.libtorrent_resume")
    }

    // MARK: Finding the records

    /// A resume file per torrent, with the .torrent of the same name beside it.
    private mutating func findFiles() throws {
        let names = try ContentScan.entries(path)
        let all = Set(names)
        if client == .qbittorrent, all.contains("queue") {
            for (place, hash) in QBittorrent.queue(try TorrentSource.contents(of: path.appending("queue").text))
                .enumerated()
            {
                places[hash] = place
            }
        }
        for name in names {
            let suffix = [".fastresume", ".resume"].first(where: name.hasSuffix)
            if let suffix {
                let file = name.dropLast(suffix.count) + ".torrent"
                records.append(
                    Record(name, .resume(path.appending(name: name), file: existing(String(file), in: all))))
            } else if name.hasSuffix(".torrent") {
                let stem = name.dropLast(".torrent".count)
                if !all.contains(stem + ".fastresume"), !all.contains(stem + ".resume") {
                    records.append(Record(name, .lacksResume(path.appending(name: name))))
                }
            }
        }
        order()
    }

    private func existing(_ name: String, in names: Set<String>) -> FilePath? {
        names.contains(name) ? path.appending(name: name) : nil
    }

    /// qBittorrent's own order, and after it the other torrents.
    private mutating func order() {
        guard !places.isEmpty else { return }
        func place(_ record: Record) -> Int {
            InfoHash(hex: String(record.name.prefix(40))).flatMap { places[$0] } ?? .max
        }
        records.sort { place($0) < place($1) }
    }

    private mutating func findRows() throws {
        let copy = try ForeignCopy(of: path)
        let ids = try copy.database.values("torrent_id", of: "torrents", by: "torrent_id")
        records = ids.map { Record($0.text ?? "a row", .row($0)) }
        database = copy
    }

    private mutating func findTransmission() throws {
        let folder = path.appending("torrents")
        let torrents = Set(PathCalls.exists(folder) ? try ContentScan.entries(folder) : [])
        var seen: Set<String> = []
        for name in try ContentScan.entries(path.appending("resume")) where name.hasSuffix(".resume") {
            let stem = String(name.dropLast(".resume".count))
            let file = ["\(stem).torrent", "\(stem).magnet"].first(where: torrents.contains)
            if let file { seen.insert(file) }
            records.append(
                Record(
                    name,
                    .resume(
                        path.appending("resume").appending(name: name), file: file.map { folder.appending(name: $0) })))
        }
        for name in torrents.subtracting(seen).sorted() where name.hasSuffix(".torrent") {
            records.append(Record(name, .lacksResume(folder.appending(name: name))))
        }
    }

    private mutating func findSession() throws {
        let names = try ContentScan.entries(path)
        let all = Set(names)
        for name in names where name.hasSuffix(".torrent") {
            records.append(
                Record(
                    name,
                    .session(
                        file: path.appending(name: name), state: existing(name + ".rtorrent", in: all),
                        resume: existing(name + ".libtorrent_resume", in: all))))
        }
        let orphans = Set(names.lazy.filter(Self.isOfRTorrent).compactMap { FilePath(text: $0).stem }).subtracting(all)
        for name in orphans.sorted() { records.append(Record(name, .lacksTorrent)) }
        if names.contains(where: { $0.hasSuffix(".new") }) {
            notes.append("\(path.text.printable) has unfinished files (.new), which are not read")
        }
    }

    private mutating func findDeluge() throws {
        let state: Deluge
        do { state = try Deluge(try TorrentSource.contents(of: path.text)) } catch let error as ForeignStateError {
            // Deluge keeps the file before the last one.
            let backup = FilePath(text: path.text + ".bak")
            guard PathCalls.exists(backup) else { throw Failure("\(path.text.printable): \(error)") }
            notes.append("\(path.text.printable): \(error); its backup is read in its place")
            do { state = try Deluge(try TorrentSource.contents(of: backup.text)) } catch let error as ForeignStateError
            {
                throw Failure("\(backup.text.printable): \(error)")
            }
        }
        let folder = path.removingLastComponent()
        for hash in state.torrents {
            let file = folder.appending("\(hash).torrent")
            records.append(Record("\(hash)", .entry(hash, file: PathCalls.exists(file) ? file : nil)))
        }
        deluge = state
    }

    private mutating func findDownloads() throws {
        do {
            for download in try Aria2.session(try TorrentSource.contents(of: path.text)) {
                records.append(Record(download.sources.first ?? "a download", .download(download)))
            }
        } catch let error as ForeignStateError {
            throw Failure("\(path.text.printable): \(error)")
        }
    }

    private mutating func findControlFiles() throws {
        for name in try ContentScan.entries(path) where name.hasSuffix(".aria2") {
            records.append(Record(name, .control(path.appending(name: name))))
        }
    }

    // MARK: Reading one record

    /// What the client knows of the torrent.
    func read(_ record: Record) throws -> ForeignTorrent {
        do {
            var torrent = try torrent(of: record)
            if torrent.queuePlace == nil { torrent.queuePlace = torrent.infoHash.flatMap { places[$0] } }
            return torrent
        } catch let error as ForeignStateError {
            throw Failure("\(error): `pieces add` its .torrent")
        }
    }

    private func torrent(of record: Record) throws -> ForeignTorrent {
        switch record.source {
        case .resume(let resume, let file):
            let bytes = try Self.bytes(resume)
            let torrent = try file.map(Self.bytes)
            switch client {
            case .transmission:
                var read = try Transmission.read(bytes, file: file?.extension == "magnet" ? nil : torrent)
                if file?.extension == "magnet", let torrent {
                    read.infoHash = try MagnetLink(String(decoding: torrent, as: UTF8.self)).infoHash
                }
                return read
            case .qbittorrent: return try QBittorrent.read(bytes, file: torrent)
            default: return try LibtorrentResume.read(bytes, file: torrent)
            }
        case .row(let id): return try row(id)
        case .session(let file, let state, let resume):
            var torrent = try RTorrent.read(
                try Self.bytes(file), state: try state.map(Self.bytes), resume: try resume.map(Self.bytes))
            if torrent.file == nil { torrent.infoHash = InfoHash(hex: file.stem ?? "") }
            return torrent
        case .entry(let hash, let file):
            guard let deluge else { throw ForeignStateError("there is no resume data") }
            return try deluge.read(hash, file: try file.map(Self.bytes))
        case .download(let download): return try self.torrent(of: download)
        case .control(let path): return try control(path)
        case .lacksResume: throw Failure("the client has no resume data for it: `pieces add` adds it")
        case .lacksTorrent: throw Failure("its .torrent is missing in the session: `pieces add` its .torrent")
        }
    }

    private static func bytes(_ path: FilePath) throws -> [UInt8] { try TorrentSource.contents(of: path.text) }

    private func row(_ id: ForeignDatabase.Value) throws -> ForeignTorrent {
        guard let database, let values = try database.torrent(id) else {
            throw ForeignStateError("its row is missing in the database")
        }
        var row = QBittorrent.Row()
        row.infoHash = id.text.flatMap { InfoHash(hex: $0) }
        row.name = values["name"]?.text
        row.category = values["category"]?.text
        row.tags = values["tags"]?.text
        row.targetSavePath = values["target_save_path"]?.text
        row.downloadPath = values["download_path"]?.text
        row.ratioLimit = values["ratio_limit"]?.integer
        row.seedingMinutes = values["seeding_time_limit"]?.integer
        row.idleMinutes = values["inactive_seeding_time_limit"]?.integer
        row.isStopped = values["stopped"]?.integer.map { $0 != 0 }
        row.queuePlace = values["queue_position"]?.integer
        row.resume = values["libtorrent_resume_data"]?.blob ?? []
        row.metadata = values["metadata"]?.blob
        return try QBittorrent.read(row)
    }

    /// A session names a .torrent, its address or a magnet link.
    private func torrent(of download: Aria2.Download) throws -> ForeignTorrent {
        let source = download.sources.first ?? ""
        var file: [UInt8]?
        var link: MagnetLink?
        if MagnetLink.isLink(source) {
            link = try MagnetLink(source)
            file = try link.flatMap { try torrents?.file(of: $0.infoHash) }
        } else if TorrentSource.isURL(source) {
            throw Failure(
                "aria2 fetched its .torrent from a URL and kept no copy: add that URL with `pieces add`")
        } else if source.hasSuffix(".torrent") || PathCalls.exists(FilePath(text: source)) {
            file = try Self.bytes(FilePath(text: source))
        } else {
            throw Failure("it isn't a BitTorrent download")
        }
        var torrent = download.torrent(file: file)
        if let link { (torrent.infoHash, torrent.trackers) = (link.infoHash, link.trackers.map { [$0] }) }
        guard let file, let folder = torrent.folder else { return torrent }
        // The control file lies beside the payload, as long as the download is incomplete.
        let name: String
        do throws(MetainfoError) { name = try Metainfo(torrentFile: file).name } catch { return torrent }
        let control = FilePath(text: folder).appending(name: name + ".aria2")
        guard PathCalls.exists(control) else { return torrent }
        let read = try Aria2.ControlFile(try Self.bytes(control))
        (torrent.claim, torrent.uploadedBytes) = (read.claim, read.uploadedBytes)
        return torrent
    }

    private func control(_ path: FilePath) throws -> ForeignTorrent {
        let control = try Aria2.ControlFile(try Self.bytes(path))
        guard let hash = control.infoHash else { throw Failure("this isn't the download of a torrent") }
        var torrent = ForeignTorrent()
        torrent.infoHash = hash
        torrent.file = try torrents?.file(of: hash)
        guard torrent.file != nil else {
            throw Failure("its .torrent isn't known: give the folder that has it with --torrents")
        }
        torrent.folder = path.removingLastComponent().text
        (torrent.claim, torrent.uploadedBytes) = (control.claim, control.uploadedBytes)
        return torrent
    }
}
