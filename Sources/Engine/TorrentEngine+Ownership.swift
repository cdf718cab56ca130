import Disk
import Logging
import Store
import Swarm
import Torrent
import Verification

/// When the torrent may write to its files.
extension TorrentEngine {
    // MARK: At the start

    /// Applies what is known before any hashing. Nothing is written until the owner of each file is known.
    func considerOwnership(now: Instant) {
        if payload.protection != nil { return considerProtection(now: now) }
        takeOver()
        if swarm.unverified.isEmpty { leaveInPlace(ownership.leaveSkipped()) }
        if let text = obstacle(isChecked: swarm.unverified.isEmpty) {
            swarm.stalled(Fault(.ownership, text), now: now)
        } else if ownership.hasUnprovenBytes(in: metainfo.layout) {
            swarm.hold()
        }
    }

    // MARK: Proof by hashing

    /// Pieces passed their hash check on disk, so the files that contain them belong to the torrent. Returns `false` if
    /// another torrent has just proved that one of them is its own: then the check says nothing about what will be in
    /// the file, and the torrent is loaded again.
    func prove(_ pieces: [PieceIndex]) -> Bool {
        let proven = ownership.unproven(of: pieces, in: payload)
        guard !proven.isEmpty else { return true }
        let refused = environment.disk.admit(proven, of: infoHash)
        for (file, identity) in proven where refused[file] == nil { ownership.proved(file, identity) }
        if !refused.isEmpty { notify(.ownershipChanged(id)) }
        return refused.isEmpty
    }

    /// Lets the torrent write once every file is known to be its own.
    func releaseIfProven(now: Instant) {
        if payload.protection == nil, !ownership.hasUnprovenBytes(in: metainfo.layout) { swarm.release(now: now) }
    }

    /// Every unverified piece was hashed: a file that isn't proven by now isn't the torrent's.
    func settleOwnership(now: Instant) {
        guard swarm.unverified.isEmpty else { return }
        if payload.protection != nil { return considerProtection(now: now) }
        takeOver()
        leaveInPlace(ownership.leaveSkipped())
        if let text = obstacle(isChecked: true) { return swarm.stalled(Fault(.ownership, text), now: now) }
        swarm.release(now: now)
    }

    /// Once everything is checked, files whose writer was removed are the torrent's own. A kill before that repeats the
    /// check.
    private func takeOver() {
        let files = ownership.takenOver
        guard !files.isEmpty, swarm.unverified.isEmpty else { return }
        ownership.tookOver()
        let id = id
        write("that files of a removed torrent were taken over") { db throws(StoreError) in
            try db.files.takeOver(id, files)
        }
    }

    private func obstacle(isChecked: Bool) -> String? {
        let progress = FileOwnership.Progress(have: swarm.have, unverified: swarm.unverified)
        return ownership.obstacle(in: payload, progress, isChecked: isChecked)
    }

    // MARK: At rest

    /// At rest, withdraws files that were announced but never created, so that a file that appears there later counts
    /// as foreign.
    func withdrawUnmadeFiles() async {
        // The contents of an offline payload are unknown.
        guard faultTimes.offlineAtStart == nil, swarm.fault?.kind != .offline else { return }
        let unmade = ownership.unmade(written: environment.disk.writtenFiles(of: infoHash))
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
        guard ownership.hasLeave, swarm.unverified.isEmpty, faultTimes.offlineAtStart == nil,
            swarm.fault?.kind != .offline
        else {
            return
        }
        let (id, files) = (id, ownership.ownFiles)
        do {
            try await environment.store.perform { db throws(StoreError) in
                try db.files.usePermissionToOverwrite(id, files)
            }
        } catch {
            log.error("could not save that --overwrite was used: \(error)")
        }
    }

    // MARK: While something is in the way

    /// The torrent whose progress this one waits for.
    var holderWaitedFor: TorrentID? { swarm.fault?.kind == .ownership ? ownership.unfinishedHolder : nil }

    /// Whether only the user can resolve the obstacle.
    var waitsForUser: Bool {
        swarm.fault?.kind == .readOnly || swarm.fault?.kind == .ownership && holderWaitedFor == nil
    }

    /// Checks the obstacle again; if it changed, the torrent is reloaded.
    func lookAtOwnership() async -> Fault? {
        guard let fault = swarm.fault else { return nil }
        do {
            let loaded = try await TorrentLoader(environment: environment, id: id, wasActive: true).load()
            if !ownership.isStillObstructed(loaded.custody) { notify(.ownershipChanged(id)) }
        } catch {
            log.debug("could not determine which files belong to the torrent: \(error)")
        }
        return fault
    }
}
