import SystemPackage
import Torrent

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
        volume: () -> String?
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
        _ volume: () -> String?
    ) -> Bool {
        guard !lastSeen.devices.isEmpty else {
            // No fingerprint names the disk of a file. The volume decides, but only if it is certainly a different one.
            guard files.isEmpty, let known = lastSeen.volume, let now = volume() else { return false }
            return Volume.isCertainlyAnother(known, than: now)
        }
        let present = Set(files.values.map(\.print.device)).union([folder])
        // A missing file whose disk is present has been deleted; a missing file whose disk is absent is unreachable.
        return lastSeen.devices.contains { file, device in
            files[file] == nil && !present.contains(device) && lookedFor(file)
        }
    }
}

/// What is remembered of a payload's location.
package struct LastSeen: Sendable {
    /// Whether the output folder existed in an earlier run.
    let folderWasSeen: Bool
    /// The device of each file with a fingerprint.
    let devices: [PayloadFile: UInt64]
    /// The identity of the volume that the folder was on; `nil` if unknown.
    let volume: String?

    package init(folderWasSeen: Bool, devices: [PayloadFile: UInt64], volume: String?) {
        self.folderWasSeen = folderWasSeen
        self.devices = devices
        self.volume = volume
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
        let device: UInt64
        var files: [PayloadFile: FoundFile] = [:]
        do throws(DiskError) {
            device = try PayloadFolder(payload, calls: calls).device()
            for print in try fingerprintsBlocking(payload.on(device: device)) { files[print.file] = print }
        } catch {
            // A folder that can't be searched is treated as absent: nothing is concluded from it.
            let reach = Reach(lastSeen, folder: nil, files: [:], lookedFor: payload.isLookedFor) { nil }
            return PayloadLook(reach: reach, reason: "\(error)", payload: payload, files: [:])
        }
        let reach = Reach(lastSeen, folder: device, files: files, lookedFor: payload.isLookedFor) {
            Volume.holding(payload.root)?.identity
        }
        let reason =
            "\(payload.root.text) is on a different disk than before, and files are missing there: mount the disk that holds them; "
            + "nothing is lost until then"
        return PayloadLook(
            reach: reach, reason: reach.isOffline ? reason : nil, payload: payload.on(device: device), files: files)
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

extension Volume {
    /// Whether two identities can't belong to the same volume, because the kind of file system or the UUID differs. The
    /// numbers of file systems without a UUID may change at each mount, so they prove nothing.
    package static func isCertainlyAnother(_ one: String, than other: String) -> Bool {
        let (one, other) = (one.split(separator: " ", maxSplits: 1), other.split(separator: " ", maxSplits: 1))
        guard one.count == 2, other.count == 2 else { return false }
        if one[0] != other[0] { return true }
        return one[1].hasPrefix("uuid ") && other[1].hasPrefix("uuid ") && one[1] != other[1]
    }
}
