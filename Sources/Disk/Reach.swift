import SystemPackage
package import Torrent

/// Whether a torrent's payload is reachable: the single rule for everything that reads, writes or checks it (law 3 of
/// the design).
package enum Reach: Sendable, Hashable {
    case reachable
    /// The output folder is unreachable and never was reachable: the torrent has not begun.
    case notBegun
    /// The output folder existed earlier, and now it doesn't exist or can't be read.
    case folderAway
    /// Files are missing, and the disk that held them is not mounted at the output folder. An unmounted disk leaves
    /// such an empty mount point.
    case anotherDisk

    /// Whether the payload is offline: nothing may be concluded from its files, read from them, or written in their
    /// place.
    package var isOffline: Bool { self == .folderAway || self == .anotherDisk }

    /// `folder` is the device of the output folder, or `nil` when the folder is unreachable; `files` are the existing
    /// files.
    package init(
        _ lastSeen: LastSeen, folder: UInt64?, files: [PayloadFile: FoundFile], lookedFor: (PayloadFile) -> Bool,
        volume: () -> VolumeIdentity?
    ) {
        guard let folder else {
            self = lastSeen.folderWasSeen ? .folderAway : .notBegun
            return
        }
        let isAway = lastSeen.folderWasSeen && Self.isElsewhere(lastSeen, folder, files, lookedFor, volume)
        self = isAway ? .anotherDisk : .reachable
    }

    private static func isElsewhere(
        _ lastSeen: LastSeen, _ folder: UInt64, _ files: [PayloadFile: FoundFile], _ lookedFor: (PayloadFile) -> Bool,
        _ volume: () -> VolumeIdentity?
    ) -> Bool {
        if lastSeen.isForeign { return !isFound(lastSeen, files, lookedFor, volume) }
        guard !lastSeen.devices.isEmpty else {
            // No fingerprint names the disk of a file. The volume decides, but only if it is certainly a different one.
            guard files.isEmpty, let known = lastSeen.volume, let now = volume() else { return false }
            return known.isCertainlyAnother(than: now)
        }
        guard lastSeen.devices.keys.contains(where: { files[$0] == nil && lookedFor($0) }) else { return false }
        // The numbers of devices may be exchanged at each start of the machine, so an empty mount point may have the
        // number that the disk had.
        if let known = lastSeen.volume, let now = volume(), known.isCertainlyAnother(than: now) { return true }
        let present = Set(files.values.map(\.print.device)).union([folder])
        // A missing file whose disk is present has been deleted; a missing file whose disk is absent is unreachable.
        return lastSeen.devices.contains { file, device in
            files[file] == nil && !present.contains(device) && lookedFor(file)
        }
    }
}

extension Reach {
    /// Whether a payload that was recorded on another machine is certainly here. There, the numbers of devices mean
    /// nothing, and the root of a copied system has the same UUID.
    private static func isFound(
        _ lastSeen: LastSeen, _ files: [PayloadFile: FoundFile], _ lookedFor: (PayloadFile) -> Bool,
        _ volume: () -> VolumeIdentity?
    ) -> Bool {
        if lastSeen.isProof(files, lookedFor) { return true }
        guard let known = lastSeen.volume, let now = volume() else { return false }
        if known.sentinel != nil, known.sentinel == now.sentinel { return true }
        // A torrent without a recorded file has nothing to lose.
        return lastSeen.devices.isEmpty && known.isSame(as: now)
    }
}

/// What is remembered of a payload's location.
package struct LastSeen: Sendable {
    /// Whether the output folder existed in an earlier run.
    let folderWasSeen: Bool
    /// The device of each file with a fingerprint.
    let devices: [PayloadFile: UInt64]
    /// The volume that the folder was on; `nil` if unknown.
    let volume: VolumeIdentity?
    /// The fingerprints of the files.
    private let prints: [PayloadFile: FileFingerprint]
    /// Whether the volume was last seen on another machine.
    let isForeign: Bool

    package init(
        folderWasSeen: Bool, prints: [PayloadFile: FileFingerprint], volume: VolumeIdentity?, isForeign: Bool = false
    ) {
        self.folderWasSeen = folderWasSeen
        self.prints = prints
        self.volume = volume
        self.isForeign = isForeign
        devices = prints.mapValues(\.device)
    }

    /// Whether every recorded file is there as it was left, and at least one has bytes. A copy that kept the times is
    /// as good as the disk itself.
    func isProof(_ files: [PayloadFile: FoundFile], _ lookedFor: (PayloadFile) -> Bool) -> Bool {
        let recorded = prints.filter { lookedFor($0.key) }
        return recorded.contains { $0.value.size > 0 }
            && recorded.allSatisfy { file, print in
                files[file].map { $0.print.size == print.size && $0.print.mtimeNs == print.mtimeNs } ?? false
            }
    }
}

/// The result of looking for a payload.
package struct PayloadLook: Sendable {
    package let reach: Reach
    /// Why the payload is unreachable and what helps; `nil` when it is reachable.
    package let reason: String?
    /// The payload, bound to its folder's device: if another disk takes the folder's place, nothing is read or written
    /// there.
    package let payload: Payload
    /// The files that exist.
    package let files: [PayloadFile: FoundFile]
    /// Whether the files show that this is the volume on which they were recorded.
    package let provesVolume: Bool

    /// Whether any of the payload's bytes may be here. An unmounted disk, and a disk that was never used for the
    /// payload, have none.
    package var hasBytes: Bool { files.values.contains { $0.print.size > 0 } }

    /// The existing files of the layout, by index.
    package var entries: [Int: FoundFile] {
        files.reduce(into: [:]) { entries, file in if case .entry(let index) = file.key { entries[index] = file.value }
        }
    }
}

extension Disk {
    /// Looks for the folder and the files of a payload without changing anything.
    package func look(at payload: Payload, lastSeen: LastSeen) async -> PayloadLook {
        await answer { (done: @escaping @Sendable (PayloadLook) -> Void) in
            workers.submit(.read) { done(self.lookBlocking(payload, lastSeen)) }
        }
    }

    private func lookBlocking(_ payload: Payload, _ lastSeen: LastSeen) -> PayloadLook {
        var payload = payload
        let device: UInt64
        var files: [PayloadFile: FoundFile] = [:]
        Automounter.ask(payload.root)
        do throws(DiskError) {
            let folder = try PayloadFolder(payload, calls: calls)
            device = try folder.device()
            if payload.protection == nil, try folder.isReadOnly() { payload = payload.protected(.byStorage) }
            for print in try fingerprintsBlocking(payload.on(device: device)) { files[print.file] = print }
        } catch {
            // A folder that can't be searched is treated as absent: nothing is concluded from it.
            let reach = Reach(lastSeen, folder: nil, files: [:], lookedFor: payload.isLookedFor) { nil }
            return PayloadLook(reach: reach, reason: "\(error)", payload: payload, files: [:], provesVolume: false)
        }
        let reach = Reach(lastSeen, folder: device, files: files, lookedFor: payload.isLookedFor) {
            Volume.holding(payload.root)?.known
        }
        let reason =
            lastSeen.isForeign
            ? "the database comes from another machine, and the files in \(payload.root.text) are not the recorded ones: "
                + "mount the volume that holds them; nothing is lost until then"
            : "\(payload.root.text) is on a different disk than before, and files are missing there: mount the disk that holds them; "
                + "nothing is lost until then"
        return PayloadLook(
            reach: reach, reason: reach.isOffline ? reason : nil, payload: payload.on(device: device), files: files,
            provesVolume: lastSeen.isProof(files, payload.isLookedFor))
    }
}

extension Payload {
    /// Whether ``Disk/fingerprints(_:)`` looks for the file.
    fileprivate func isLookedFor(_ file: PayloadFile) -> Bool {
        switch file {
        case .entry(let index): layout.files.indices.contains(index) && isInPlace(index)
        case .parts: placement.contains(.part)
        }
    }
}
