import Disk
import Testing
import Torrent

/// The one rule of what is reachable, what is offline, and what is deleted.
struct ReachTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var wasSeen = true
        /// The devices that the files were on, by their number.
        var recorded: [Int: UInt64] = [:]
        /// The device of the folder now; `nil` when it can't be reached.
        var folder: UInt64? = 1
        /// The devices of the files that are there.
        var current: [Int: UInt64] = [:]
        var knownVolume: String?
        var volume: String? = "ext4 uuid a"
        var knownSentinel: String?
        var sentinel: String?
        /// Whether the database comes from another machine.
        var isForeign = false
        let reach: Reach
    }

    static let cases = [
        Case(testDescription: "never begun", wasSeen: false, folder: nil, reach: .notBegun),
        Case(testDescription: "never begun, the folder is there", wasSeen: false, reach: .reachable),
        Case(testDescription: "all as it was", recorded: [0: 1, 1: 1], current: [0: 1, 1: 1], reach: .reachable),
        Case(testDescription: "the folder is gone", recorded: [0: 1], folder: nil, reach: .folderAway),
        Case(testDescription: "the folder is gone, and nothing was recorded", folder: nil, reach: .folderAway),
        Case(testDescription: "an empty mount point", recorded: [0: 2, 1: 2], reach: .anotherDisk),
        Case(
            testDescription: "another disk with some of the files", recorded: [0: 2, 1: 2], current: [0: 1],
            reach: .anotherDisk),
        Case(
            testDescription: "another disk with all of the files", recorded: [0: 2, 1: 2], current: [0: 1, 1: 1],
            reach: .reachable),
        Case(testDescription: "deleted files", recorded: [0: 1, 1: 1], reach: .reachable),
        Case(testDescription: "one deleted file", recorded: [0: 1, 1: 1], current: [0: 1], reach: .reachable),
        Case(
            testDescription: "a disk mounted within the folder", recorded: [0: 1, 1: 2], current: [0: 1, 1: 2],
            reach: .reachable),
        Case(
            testDescription: "the disk within the folder is away", recorded: [0: 1, 1: 2], current: [0: 1],
            reach: .anotherDisk),
        Case(
            testDescription: "a file was deleted from the disk within the folder", recorded: [0: 1, 1: 2, 2: 2],
            current: [0: 1, 1: 2],
            reach: .reachable),
        Case(
            testDescription: "only the part file was left behind", recorded: [0: 1, -1: 2], current: [0: 1],
            reach: .anotherDisk),
        Case(testDescription: "no fingerprint, another volume", knownVolume: "ext4 uuid b", reach: .anotherDisk),
        Case(
            testDescription: "no fingerprint, another kind of volume", knownVolume: "tmpfs number 5",
            reach: .anotherDisk),
        Case(testDescription: "no fingerprint, the same volume", knownVolume: "ext4 uuid a", reach: .reachable),
        Case(
            testDescription: "no fingerprint, another volume with files", current: [0: 1], knownVolume: "ext4 uuid b",
            reach: .reachable),
        Case(
            testDescription: "no fingerprint, a number", knownVolume: "tmpfs number 5", volume: "tmpfs number 6",
            reach: .reachable),
        Case(testDescription: "no fingerprint, no volume known", reach: .reachable),
        Case(
            testDescription: "another volume got the number of the disk that is away", recorded: [0: 1, 1: 1],
            knownVolume: "ext4 uuid b", reach: .anotherDisk),
        Case(
            testDescription: "another volume got the number, and has some of the files", recorded: [0: 1, 1: 1],
            current: [0: 1], knownVolume: "ext4 uuid b", reach: .anotherDisk),
        Case(
            testDescription: "deleted files of a known volume", recorded: [0: 1, 1: 1], knownVolume: "ext4 uuid a",
            reach: .reachable),
        Case(
            testDescription: "a clone without files, which its sentinel tells apart", recorded: [0: 1],
            knownVolume: "ext4 uuid a", knownSentinel: "1", sentinel: "2", reach: .anotherDisk),
        Case(
            testDescription: "a copy with the sentinel of the original", recorded: [0: 1], knownVolume: "ext4 uuid b",
            knownSentinel: "1", sentinel: "1", reach: .reachable),
        Case(
            testDescription: "another machine: no files, and the same device number and UUID", recorded: [0: 1],
            knownVolume: "ext4 uuid a", isForeign: true, reach: .anotherDisk),
        Case(
            testDescription: "another machine: some of the files", recorded: [0: 1, 1: 1], current: [0: 1],
            knownVolume: "ext4 uuid a", isForeign: true, reach: .anotherDisk),
        Case(
            testDescription: "another machine: all of the files as they were", recorded: [0: 1, 1: 1],
            current: [0: 7, 1: 7], knownVolume: "ext4 uuid b", isForeign: true, reach: .reachable),
        Case(
            testDescription: "another machine: nothing was recorded", knownVolume: "ext4 uuid a", isForeign: true,
            reach: .reachable),
        Case(
            testDescription: "another machine: nothing was recorded, another volume", knownVolume: "ext4 uuid b",
            isForeign: true, reach: .anotherDisk),
        Case(
            testDescription: "another machine: the sentinel is here, and a file was deleted", recorded: [0: 1],
            knownVolume: "ext4 uuid b", knownSentinel: "1", sentinel: "1", isForeign: true, reach: .reachable),
    ]

    @Test(arguments: cases) func reachIsDecidedByOneRule(_ one: Case) {
        func files(_ devices: [Int: UInt64]) -> [PayloadFile: UInt64] {
            devices.reduce(into: [:]) { $0[$1.key < 0 ? .parts : .entry($1.key)] = $1.value }
        }
        let current = files(one.current).reduce(into: [PayloadFile: FoundFile]()) {
            $0[$1.key] = FoundFile($1.key, FileFingerprint(size: 1, mtimeNs: 1, inode: 1, device: $1.value))
        }
        let recorded = files(one.recorded).mapValues { FileFingerprint(size: 1, mtimeNs: 1, inode: 1, device: $0) }
        let lastSeen = LastSeen(
            folderWasSeen: one.wasSeen, prints: recorded,
            volume: one.knownVolume.map { VolumeIdentity($0, sentinel: one.knownSentinel) }, isForeign: one.isForeign)
        let now = one.volume.map { VolumeIdentity($0, sentinel: one.sentinel) }
        #expect(
            Reach(lastSeen, folder: one.folder, files: current, lookedFor: { _ in true }, volume: { now }) == one.reach)
    }

    /// A file that nobody looks for, as one that is skipped and was never written, is not missing.
    @Test func ignoredFileDoesNotCountAsMissing() {
        let lastSeen = LastSeen(
            folderWasSeen: true, prints: [.entry(0): FileFingerprint(size: 1, mtimeNs: 1, inode: 1, device: 2)],
            volume: nil)
        #expect(Reach(lastSeen, folder: 1, files: [:], lookedFor: { _ in false }, volume: { nil }) == .reachable)
    }

    /// The payload of a look is bound to the disk that it was found on.
    @Test func inspectionBindsThePayloadToItsDisk() async throws {
        let fixture = try Fixture([FileEntry(path: ["a"], length: 100_000)])
        let lastSeen = LastSeen(folderWasSeen: true, prints: [:], volume: nil)
        let look = await fixture.disk.look(at: fixture.payload, lastSeen: lastSeen)
        let device = try #require(look.payload.device)
        #expect(look.reach == .reachable && look.reason == nil)
        let elsewhere = await fixture.disk.verify(
            look.payload.on(device: device &+ 1), pieces: fixture.allPieces, hashes: fixture.hashes)
        guard case .offline(let error) = elsewhere.outcome else {
            Issue.record("\(elsewhere.outcome)")
            return
        }
        #expect(error.code == .wrongVolume)
    }
}
