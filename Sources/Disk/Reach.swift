import SystemPackage
import Torrent

/// Whether a torrent's payload can be reached: the one rule for everything that reads, writes or judges it (law 3 of
/// the design).
package enum Reach: Sendable, Hashable {
    case reachable
    /// The output folder can't be reached and never was: the torrent has not begun.
    case notBegun
    /// The output folder was there once, and now it is not there or cannot be read.
    case folderAway
    /// Files are missing, and the disk that they were on is not in the output folder: an unmounted disk leaves an empty
    /// mount point like this.
    case anotherDisk

    /// Whether nothing may be concluded from the files, read from them, or written in their place.
    package var isOffline: Bool { self == .folderAway || self == .anotherDisk }

    /// `folder` is the device of the output folder, or `nil` when the folder can't be reached; `files` are those that
    /// are there.
    init(
        _ lastSeen: LastSeen, folder: UInt64?, files: [PayloadFile: Fingerprint], lookedFor: (PayloadFile) -> Bool,
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
        _ lastSeen: LastSeen, _ folder: UInt64, _ files: [PayloadFile: Fingerprint], _ lookedFor: (PayloadFile) -> Bool,
        _ volume: () -> String?
    ) -> Bool {
        guard !lastSeen.devices.isEmpty else {
            // No file says which disk it was on. The volume does, if it is certain that it is another one.
            guard files.isEmpty, let known = lastSeen.volume, let now = volume() else { return false }
            return Volume.isCertainlyAnother(known, than: now)
        }
        let present = Set(files.values.map(\.device)).union([folder])
        // A file that was on a disk which is there has been deleted; one that was on another disk is out of reach.
        return lastSeen.devices.contains { file, device in
            files[file] == nil && !present.contains(device) && lookedFor(file)
        }
    }
}

/// What is remembered of where a payload was.
package struct LastSeen: Sendable {
    /// Whether the output folder was there in an earlier run.
    let folderWasSeen: Bool
    /// The device of each file with a fingerprint.
    let devices: [PayloadFile: UInt64]
    /// The identity of the volume that the folder was on, as far as it is known.
    let volume: String?

    package init(folderWasSeen: Bool, devices: [PayloadFile: UInt64], volume: String?) {
        self.folderWasSeen = folderWasSeen
        self.devices = devices
        self.volume = volume
    }
}

/// What is there of a payload.
package struct PayloadLook: Sendable {
    package let reach: Reach
    /// Why the payload can't be reached, and what helps; `nil` when it can.
    package let reason: String?
    /// The payload, bound to the device that its folder is on: when another disk takes its place, nothing is read or
    /// written there.
    package let payload: Payload
    /// The files that are there.
    package let files: [PayloadFile: Fingerprint]

    /// The files of the layout that are there, by their index.
    package var entries: [Int: Fingerprint] {
        files.reduce(into: [:]) { entries, file in if case .entry(let index) = file.key { entries[index] = file.value }
        }
    }
}

extension Disk {
    /// Looks for the folder and the files of a payload without touching anything.
    package func look(at payload: Payload, lastSeen: LastSeen) async -> PayloadLook {
        await answer { (done: @escaping @Sendable (PayloadLook) -> Void) in
            workers.submit(.read) { done(self.lookBlocking(payload, lastSeen)) }
        }
    }

    private func lookBlocking(_ payload: Payload, _ lastSeen: LastSeen) -> PayloadLook {
        let device: UInt64
        var files: [PayloadFile: Fingerprint] = [:]
        do throws(DiskError) {
            device = try PayloadFolder(payload, calls: calls).device()
            for print in try fingerprintsBlocking(payload.on(device: device)) { files[print.file] = print }
        } catch {
            // A folder that can't be searched is as good as away: nothing is concluded from it.
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
    /// Whether two identities can't be those of one volume: of another kind of file system, or with another UUID. The
    /// numbers that kinds without a UUID make up may be new after each mount, and prove nothing.
    package static func isCertainlyAnother(_ one: String, than other: String) -> Bool {
        let (one, other) = (one.split(separator: " ", maxSplits: 1), other.split(separator: " ", maxSplits: 1))
        guard one.count == 2, other.count == 2 else { return false }
        if one[0] != other[0] { return true }
        return one[1].hasPrefix("uuid ") && other[1].hasPrefix("uuid ") && one[1] != other[1]
    }
}
