import Disk
import Logging
import Store
import Swarm
import Torrent
import Verification

/// Which files the torrent may write to, and what happens when it may not.
extension TorrentEngine {
    // MARK: At the start

    /// Applies what is known before any hashing. Nothing is written until the owner of each file is known.
    func considerOwnership(now: Instant) {
        if let text = obstacle(isChecked: false) {
            swarm.stalled(Fault(.ownership, text), now: now)
        } else if hasUnprovenBytes {
            swarm.hold()
        }
    }

    /// Whether a file with data may still turn out not to be the torrent's. An empty file needs no proof.
    private var hasUnprovenBytes: Bool {
        custody.unproven.keys.contains { file in
            if case .entry(let index) = file { !metainfo.layout.files[index].isEmpty } else { true }
        }
    }

    // MARK: Proof by hashing

    /// Pieces passed their hash check on disk, so the files that contain them belong to the torrent.
    func prove(_ pieces: [PieceIndex], now: Instant) {
        guard !custody.unproven.isEmpty else { return }
        var proven: [PayloadFile: FileIdentity] = [:]
        for piece in pieces {
            for index in metainfo.layout.files(of: piece, geometry: metainfo.geometry)
            where !metainfo.layout.files[index].isEmpty {
                if let file = payload.place(of: index), let identity = custody.unproven[file] {
                    proven[file] = identity
                }
            }
        }
        guard !proven.isEmpty else { return }
        let refused = environment.disk.admit(proven, of: infoHash)
        for (file, identity) in proven where refused[file] == nil {
            custody.unproven[file] = nil
            custody.own[file] = identity
        }
        // Another torrent has just proved that the same file is its own. Loading again shows what that means.
        if !refused.isEmpty { return onChange(.ownershipChanged(id)) }
        if !hasUnprovenBytes { swarm.release(now: now) }
    }

    /// Every unverified piece was hashed: a file that isn't proven by now isn't the torrent's.
    func settleOwnership(now: Instant) {
        guard swarm.unverified.isEmpty else { return }
        if let text = obstacle(isChecked: true) { return swarm.stalled(Fault(.ownership, text), now: now) }
        swarm.release(now: now)
    }

    // MARK: While it writes

    /// Returns the files of these pieces that the torrent is about to create and that the database doesn't know yet.
    func filesToAnnounce(_ pieces: [PieceIndex]) -> [Int] {
        var files: Set<Int> = []
        for piece in pieces {
            for index in metainfo.layout.files(of: piece, geometry: metainfo.geometry) {
                guard !metainfo.layout.files[index].isEmpty, let file = payload.place(of: index),
                    payload.placement[index] != .shared
                else {
                    continue
                }
                if custody.own[file] == nil, custody.unproven[file] == nil, !custody.announced.contains(file.index) {
                    files.insert(file.index)
                }
            }
        }
        return files.sorted()
    }

    /// At rest, withdraws files that were announced but never created, so that a file that appears there later counts
    /// as foreign.
    func withdrawUnmadeFiles() async {
        // The contents of an offline payload are unknown.
        guard offlineAtStart == nil, swarm.fault?.kind != .offline else { return }
        let written = environment.disk.writtenFiles(of: infoHash)
        let unmade = custody.announced.filter {
            !written.contains(PayloadFile(index: $0)) && prints[PayloadFile(index: $0)] == nil
        }.sorted()
        guard !unmade.isEmpty else { return }
        let id = id
        do {
            try await environment.store.perform { db throws(StoreError) in try db.files.withdraw(id, unmade) }
        } catch {
            log.error("could not save that \(unmade.count) files were not created: \(error)")
        }
    }

    /// At rest, ends the user's permission to overwrite once the existing files are checked, so that a file that
    /// appears there later counts as foreign.
    func endLeaveToOverwrite() async {
        guard custody.hasLeave, swarm.unverified.isEmpty, offlineAtStart == nil, swarm.fault?.kind != .offline else {
            return
        }
        let (id, files) = (id, custody.own.keys.map(\.index))
        do {
            try await environment.store.perform { db throws(StoreError) in
                try db.files.usePermissionToOverwrite(id, files)
            }
        } catch {
            log.error("could not save that --overwrite was used: \(error)")
        }
    }

    // MARK: What stands in the way

    /// The most files named in a message.
    private static let namedFiles = 3

    /// Returns one sentence on why the torrent can't be downloaded here, or `nil` if nothing prevents it.
    private func obstacle(isChecked: Bool) -> String? {
        let isChecked = isChecked || swarm.unverified.isEmpty
        if let (index, twin) = custody.twins.filter({ isIncomplete($0.key) }).min(by: { $0.key < $1.key }) {
            return
                "\(payload.path(of: .entry(index))) and \(payload.path(of: .entry(twin))) are the same file on this file system, which doesn't distinguish their "
                + "names: leave one of them out with `pieces select`, or choose an output folder on another file system"
        }
        if let (index, shared) = custody.shared.sorted(by: { $0.key < $1.key }).first(where: {
            !$0.value.holder.isWhole
        }) {
            let holder = shared.holder
            return
                "\(payload.path(of: .entry(index))) is also a file of torrent \(holder.torrent) (\(holder.name)), which writes it and has not completed it: "
                + "this torrent continues when that file is complete, or when torrent \(holder.torrent) is removed"
        }
        let layout = metainfo.layout
        // An empty file is correct if it exists and is empty, whoever created it.
        let foreign = custody.unproven.keys.filter { file in
            guard case .entry(let index) = file, layout.files[index].isEmpty else { return isChecked }
            return (prints[file]?.size ?? 0) > 0
        }
        if !foreign.isEmpty {
            let names = foreign.map { payload.path(of: $0) }.sorted()
            let rest = names.count > Self.namedFiles ? " and \(names.count - Self.namedFiles) more" : ""
            let isOne = names.count == 1
            return
                "\(names.prefix(Self.namedFiles).joined(separator: ", "))\(rest) existed before, and no piece of this torrent matches "
                + "\(isOne ? "it: move it" : "them: move them") away, choose another output folder, or add the torrent again with --overwrite"
        }
        if let (index, holder) = disagreement {
            return
                "\(payload.path(of: .entry(index))) is also a file of torrent \(holder.torrent) (\(holder.name)), and the two torrents have different "
                + "content for it: remove one of the two, or choose another output folder for it"
        }
        return nil
    }

    /// Whether a piece of the file is known to be missing.
    private func isIncomplete(_ index: Int) -> Bool {
        metainfo.layout.pieces(of: index, geometry: metainfo.geometry).contains {
            !swarm.have[$0] && !swarm.unverified[$0]
        }
    }

    /// A shared file that its holder has completed with other content than this torrent needs.
    private var disagreement: (file: Int, holder: FileHolder)? {
        for (index, shared) in custody.shared.sorted(by: { $0.key < $1.key }) {
            for piece in metainfo.layout.pieces(of: index, geometry: metainfo.geometry)
            where !swarm.have[piece] && !swarm.unverified[piece] {
                let files = metainfo.layout.files(of: piece, geometry: metainfo.geometry)
                let isWithin = files.allSatisfy {
                    custody.shared[$0] != nil || metainfo.layout.files[$0].isPad || metainfo.layout.files[$0].isEmpty
                }
                if isWithin { return (index, shared.holder) }
            }
        }
        return nil
    }

    /// The torrent whose progress this one waits for.
    var holderWaitedFor: TorrentID? {
        guard swarm.fault?.kind == .ownership else { return nil }
        return custody.shared.values.first { !$0.holder.isWhole }?.holder.torrent
    }

    /// Whether only the user can resolve the obstacle.
    var waitsForUser: Bool { swarm.fault?.kind == .ownership && holderWaitedFor == nil }

    /// Checks the obstacle again; if it changed, the torrent is reloaded.
    func lookAtOwnership() async -> Fault? {
        guard let fault = swarm.fault else { return nil }
        do {
            let loaded = try await TorrentLoader(environment: environment, id: id, wasActive: true).load()
            let isAsBefore =
                loaded.custody.obstacles == custody.obstacles && loaded.custody.shared == custody.shared
                && !custody.obstacles.isEmpty
            if !isAsBefore { onChange(.ownershipChanged(id)) }
        } catch {
            log.debug("could not determine which files belong to the torrent: \(error)")
        }
        return fault
    }
}
