import Store
import System
import SystemPackage
import Torrent

/// When the session looks at its volumes: when the kernel's list of mounts has changed, and now and then.
struct VolumeWatch {
    static let interval = Duration.seconds(5)
    /// The free space is looked at as often.
    private static let pause = Duration.seconds(60)
    /// How long a volume may take to answer before it counts as silent.
    static let patience = Duration.seconds(30)

    private var mounts: [UInt8] = []
    private var lookedAt: Instant?
    /// Whether each volume was there at the last look of this run.
    private var states: [VolumeID: Bool] = [:]
    /// The volumes that are being looked at, and since when.
    private(set) var looks: [VolumeID: Instant] = [:]

    /// Returns whether all volumes are to be looked at.
    mutating func isDue(now: Instant) -> Bool {
        // A list that can't be read is the same each time.
        let mounts = KernelFile.read("/proc/self/mountinfo") ?? []
        if mounts == self.mounts, let lookedAt, now - lookedAt < Self.pause { return false }
        self.mounts = mounts
        lookedAt = now
        return true
    }

    /// Returns whether the volume is to be looked at; it isn't while an earlier look waits for it.
    mutating func begins(_ id: VolumeID, now: Instant) -> Bool {
        guard looks[id] == nil else { return false }
        looks[id] = now
        return true
    }

    mutating func ended(_ id: VolumeID) { looks[id] = nil }

    /// Notes whether the volume is there. Returns whether that is news in this run.
    mutating func noted(_ id: VolumeID, isOnline: Bool) -> Bool { states.updateValue(isOnline, forKey: id) != isOnline }

    func isAway(_ id: VolumeID) -> Bool { states[id] == false }

    /// Whether the volume hasn't answered for too long.
    func isSilent(_ id: VolumeID, now: Instant) -> Bool { looks[id].map { now - $0 >= Self.patience } ?? false }
}
