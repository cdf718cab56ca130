import Import
import Store
import System
import SystemPackage
import Torrent

/// A torrent of another client with the place of its payload on this machine.
struct ImportCandidate {
    let foreign: ForeignTorrent
    let metainfo: Metainfo
    /// Whether each file is wanted.
    let wanted: [Bool]
    /// Where the payload is.
    private(set) var place: PayloadPlace
    /// Where the payload moves when it is complete, if it isn't there.
    private(set) var destination: String?
    private(set) var omitted: [String]
    /// The pieces that the client claims to have; `nil` if it doesn't say.
    let claim: Bitfield?
    private(set) var look: PayloadSizes

    /// Looks for the payload. Throws one sentence if the torrent can't be imported.
    init(_ foreign: ForeignTorrent, _ map: PathMap) throws {
        self.foreign = foreign
        guard let file = foreign.file else { throw Failure("its .torrent is missing: `pieces add` it") }
        let metainfo: Metainfo
        do throws(MetainfoError) { metainfo = try Metainfo(torrentFile: file) } catch { throw Failure("\(error)") }
        if let hash = foreign.infoHash, hash != metainfo.infoHash, !metainfo.identity.wireHashes.contains(hash) {
            throw Failure(
                "the .torrent beside its state belongs to another torrent (\(metainfo.infoHash)); not imported: "
                    + "`pieces add` its own .torrent")
        }
        self.metainfo = metainfo
        wanted = metainfo.layout.files.map { file in
            file.isPad || (foreign.wanted[file.index] ?? foreign.unwantedFrom.map { file.index < $0 } ?? true)
        }
        omitted = foreign.omitted
        let claim = foreign.claim.pieces(of: metainfo.geometry)
        if claim == nil, foreign.claim.extent != .unknown { omitted.append("a claim that doesn't fit the .torrent") }
        if let claim, foreign.claim.hasBlocks(besides: claim, of: metainfo.geometry) {
            omitted.append("blocks of incomplete pieces")
        }
        self.claim = claim
        (place, look) = try Self.find(foreign, metainfo, wanted, map)
        if let home = foreign.folder.map({ map($0) }), home.utf8.first == UInt8(ascii: "/"), !look.isWhole {
            let final = try PayloadPlace(foreign, of: metainfo, below: home) { map($0) }
            if !PathText.isSame(final.output, place.output) { destination = final.output }
        }
    }

    /// The place of the payload: the likeliest folder that has some of it, or the likeliest folder.
    private static func find(_ foreign: ForeignTorrent, _ metainfo: Metainfo, _ wanted: [Bool], _ map: PathMap) throws
        -> (PayloadPlace, PayloadSizes)
    {
        var folders: [String] = []
        for folder in foreign.currentFolders + [foreign.folder, foreign.ownFolder].compactMap(\.self)
        where !folders.contains(where: { PathText.isSame($0, folder) }) { folders.append(folder) }
        guard !folders.isEmpty else { throw noFolder }
        var first: (PayloadPlace, PayloadSizes)?
        for folder in folders {
            var place: PayloadPlace
            let home = try absolute(map(folder))
            do throws(ForeignStateError) {
                place = try PayloadPlace(foreign, of: metainfo, below: home) { map($0) }
            } catch { throw Failure("\(error)") }
            let sizes = PayloadSizes(metainfo, wanted, foreign, at: &place)
            if sizes.bytes > 0 { return (place, sizes) }
            first = first ?? (place, sizes)
        }
        guard let first else { preconditionFailure("there is a folder") }
        return first
    }

    static let noFolder = Failure(
        "its state doesn't say in which folder the payload is: `pieces add` adds it with --output")

    /// The folder, if it can be one of this machine.
    static func absolute(_ folder: String) throws(Failure) -> String {
        guard folder.utf8.first != UInt8(ascii: "/") else { return folder }
        let isOther = folder.utf8.contains(UInt8(ascii: "\\"))
        let old = isOther ? "'\(folder.printable)'" : folder.printable
        throw Failure(
            "its folder `\(folder.printable)` is \(isOther ? "of another system" : "relative"): say where it is with "
                + "--map \(old)=/absolute/path")
    }

    /// The pieces that have a byte of a wanted file, and the client's claim on them.
    private var isClaimedWhole: Bool {
        guard let claim, let selection = FileSelection(layout: metainfo.layout, wanted: wanted) else { return false }
        return selection.wantedPieces(geometry: metainfo.geometry).isSubset(of: claim)
    }

    var rank: ImportItem.Rank {
        guard look.bytes > 0 else { return .nothing }
        guard look.isWhole else { return .something }
        guard isClaimedWhole else { return .sizes }
        return look.agreesInTime ? .sizesAndTimes : .sizesAndClaim
    }

    /// The torrent under the names that its files have on the disk.
    func named() throws -> Metainfo {
        do throws(RenameError) { return try metainfo.renamed(renames) } catch {
            throw Failure("the names of its files can't be used here: \(error)")
        }
    }

    /// The names that its files have in place of those in the .torrent.
    var renames: Renames { Renames(root: place.root, files: place.files) }

    /// Bytes of the payload that are there, by the sizes of the files.
    var bytes: Int64 { look.bytes }

    /// Whether nothing has to be hashed: nothing is there, and nothing was claimed.
    var isEmpty: Bool { look.bytes == 0 && !lacksClaimedFiles }

    /// Whether no file is there, although the client said that some of the payload is. If it says nothing of that, a
    /// folder that is empty or doesn't exist may be that of a disk that isn't mounted.
    var lacksClaimedFiles: Bool {
        guard look.bytes == 0, !look.isWhole else { return false }
        if let claim { return !claim.isEmpty }
        return foreign.completedAt != nil || foreign.downloadedBytes > 0 || look.isFolderEmpty
    }

    /// The past of the torrent. A torrent that was complete there isn't reported to trackers as completed again.
    func past(now: Timestamp) -> TorrentPast {
        var past = TorrentPast()
        past.downloadedBytes = foreign.downloadedBytes
        past.uploadedBytes = foreign.uploadedBytes
        past.wastedBytes = foreign.wastedBytes
        past.addedAt = foreign.addedAt.map { min($0, now) }
        let wasComplete = isClaimedWhole || (claim == nil && look.isWhole)
        past.completedAt = (foreign.completedAt ?? (wasComplete ? foreign.addedAt ?? now : nil)).map { min($0, now) }
        past.seedTime = foreign.seedTime
        return past
    }

    var settings: TorrentSettings {
        var settings = TorrentSettings()
        settings.isPaused = foreign.isPaused
        settings.isSequential = foreign.isSequential
        settings.limits = TorrentLimits(
            download: foreign.downloadLimit, upload: foreign.uploadLimit, peers: foreign.peerLimit)
        settings.seedGoal =
            switch foreign.seedGoal {
            case .standard: .standard
            case .forever: .forever
            case .ratio(let ratio): .ratio(ratio)
            case .time(let time): .time(time)
            }
        return settings
    }
}

/// The files of a payload as the file system lists them, without a look at their bytes.
struct PayloadSizes {
    /// Bytes of wanted files that are there.
    private(set) var bytes: Int64 = 0
    /// Whether every wanted file is there in its size.
    private(set) var isWhole = true
    /// Whether the output folder has nothing at all, or doesn't exist.
    private(set) var isFolderEmpty = false
    /// Whether the client recorded when files were changed, and all of these were changed then.
    private(set) var agreesInTime = false

    /// Looks at the files. A file that is only there under the client's name for incomplete ones gets that name in
    /// `place`.
    init(_ metainfo: Metainfo, _ wanted: [Bool], _ foreign: ForeignTorrent, at place: inout PayloadPlace) {
        let root = FilePath(text: place.output).appending(name: place.root ?? metainfo.name)
        var timed = 0
        var agreeing = 0
        for file in metainfo.layout.files where !file.isPad && wanted[file.index] {
            let below = place.files[file.index] ?? file.path.dropFirst().joined(separator: "/")
            let path = metainfo.isSingleFile ? root : root.appending(FilePath(text: below).components)
            var status = Self.status(path)
            if status == nil, let suffix = foreign.incompleteSuffix, let other = Self.status(path.extended(by: suffix))
            {
                status = other
                if metainfo.isSingleFile {
                    place.root = (place.root ?? metainfo.name) + suffix
                } else {
                    place.files[file.index] = below + suffix
                }
            }
            guard let status else {
                if !file.isEmpty { isWhole = false }
                continue
            }
            bytes += min(status.size, file.length)
            if status.size != file.length { isWhole = false }
            if let time = foreign.claim.times[file.index] {
                timed += 1
                if time == status.modified { agreeing += 1 }
            }
        }
        agreesInTime = timed > 0 && timed == agreeing
        if bytes == 0 { isFolderEmpty = Self.isEmpty(FilePath(text: place.output)) }
    }

    private static func isEmpty(_ folder: FilePath) -> Bool {
        do { return try PathCalls.names(in: folder).isEmpty } catch { return true }
    }

    private static func status(_ path: FilePath) -> PathStatus? {
        do {
            let status = try PathCalls.status(path, followingLinks: false)
            return status.kind == .file ? status : nil
        } catch { return nil }
    }
}
