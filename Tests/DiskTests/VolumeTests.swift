import Disk
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Volumes are recognised, and one that is away, replaced, or copied is told from one that is there.
@Suite(.serialized) struct VolumeTests {
    // MARK: Identities

    struct Pair: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let one: VolumeIdentity
        let other: VolumeIdentity
        let isSame: Bool
        let isCertainlyAnother: Bool
    }

    static let pairs = [
        Pair(
            testDescription: "one UUID", one: VolumeIdentity("ext4 uuid a"), other: VolumeIdentity("ext4 uuid a"),
            isSame: true, isCertainlyAnother: false),
        Pair(
            testDescription: "two UUIDs", one: VolumeIdentity("ext4 uuid a"), other: VolumeIdentity("ext4 uuid b"),
            isSame: false, isCertainlyAnother: true),
        Pair(
            testDescription: "two kinds", one: VolumeIdentity("ext4 uuid a"), other: VolumeIdentity("xfs number 1"),
            isSame: false, isCertainlyAnother: true),
        Pair(
            testDescription: "numbers prove nothing", one: VolumeIdentity("fuse number 1"),
            other: VolumeIdentity("fuse number 2"), isSame: false, isCertainlyAnother: false),
        Pair(
            testDescription: "a copy has the sentinel", one: VolumeIdentity("ext4 uuid a", sentinel: "1"),
            other: VolumeIdentity("xfs uuid b", sentinel: "1"), isSame: true, isCertainlyAnother: false),
        Pair(
            testDescription: "clones with sentinels of their own", one: VolumeIdentity("ext4 uuid a", sentinel: "1"),
            other: VolumeIdentity("ext4 uuid a", sentinel: "2"), isSame: false, isCertainlyAnother: true),
        Pair(
            testDescription: "the sentinel was deleted", one: VolumeIdentity("ext4 uuid a", sentinel: "1"),
            other: VolumeIdentity("ext4 uuid a"), isSame: true, isCertainlyAnother: false),
        Pair(
            testDescription: "a clone's own name", one: VolumeIdentity("ext4 uuid a clone /mnt/b"),
            other: VolumeIdentity("ext4 uuid a"), isSame: true, isCertainlyAnother: false),
    ]

    @Test(arguments: pairs) func identitiesAreCompared(_ pair: Pair) {
        for (one, other) in [(pair.one, pair.other), (pair.other, pair.one)] {
            #expect(one.isSame(as: other) == pair.isSame)
            #expect(one.isCertainlyAnother(than: other) == pair.isCertainlyAnother)
        }
    }

    // MARK: The sentinel

    @Test func sentinelIsWrittenReadAndRemoved() async throws {
        try await withTemporaryFolder { folder in
            #expect(VolumeSentinel.read(at: folder) == nil)
            let first = try VolumeSentinel.write(at: folder)
            #expect(VolumeSentinel.read(at: folder) == first && first.utf8.count == 32)
            let second = try VolumeSentinel.write(at: folder)
            #expect(second != first && VolumeSentinel.read(at: folder) == second)
            #expect(try Files.names(in: folder) == [VolumeSentinel.name])
            // What a killed process left goes; what others named alike stays.
            let (left, other) = (VolumeSentinel.name + "-" + first, VolumeSentinel.name + "-mine")
            for name in [left, other] { try Files.write(Array("pieces vol".utf8), to: folder.appending(name)) }
            let third = try VolumeSentinel.write(at: folder)
            #expect(VolumeSentinel.read(at: folder) == third)
            #expect(Set(try Files.names(in: folder)) == [VolumeSentinel.name, other])
            try Files.remove(folder.appending(other))
            try VolumeSentinel.remove(at: folder)
            try VolumeSentinel.remove(at: folder)
            #expect(VolumeSentinel.read(at: folder) == nil)
        }
    }

    @Test(arguments: [
        "", "pieces volume 1", "pieces volume 1\nid 12", "pieces volume 2\nid 0123456789abcdef0123456789abcdef\n",
        "pieces volume 1\nid 0123456789abcdef0123456789abcdeX\n", "\0\0\0", String(repeating: "x", count: 5000),
    ]) func damagedSentinelCountsAsNone(text: String) async throws {
        try await withTemporaryFolder { folder in
            try Files.write(Array(text.utf8), to: folder.appending(VolumeSentinel.name))
            #expect(VolumeSentinel.read(at: folder) == nil)
        }
    }

    @Test func sentinelOfAnotherPlaceIsNotFollowed() async throws {
        try await withTemporaryFolder { folder in
            let other = folder.appending("other")
            try Files.makeFolders(other)
            _ = try VolumeSentinel.write(at: other)
            try Files.link(folder.appending(VolumeSentinel.name), to: other.appending(VolumeSentinel.name))
            #expect(VolumeSentinel.read(at: folder) == nil)
        }
    }

    // MARK: Real disks

    @Test func diskIsRecognisedWhereverItIsMounted() async throws {
        try await withTemporaryFolder { folder in
            try await LoopVolume.with(in: folder) { disk in
                let (one, other) = (folder.appending("one"), folder.appending("other"))
                let found = try await disk.mounted(at: one) { try #require(Volume.holding(one)) }
                #expect(found.identity.hasPrefix("ext4 ") && found.mountPath == one.string)
                try Files.makeFolders(other)
                try await disk.mounted(at: other) {
                    let there = try #require(Volume.holding(other))
                    #expect(there.identity == found.identity)
                    #expect(VolumeState.look(for: found.known, at: one.string) == .elsewhere(path: other.string))
                    #expect(PhysicalDevice.holding(other) == [String(disk.device.dropFirst("/dev/".count))])
                    #expect(PhysicalDevice.listed(for: other, in: .current) == PhysicalDevice.holding(other))
                }
                #expect(VolumeState.look(for: found.known, at: one.string) == .emptyMountPoint)
                #expect(VolumeState.look(for: found.known, at: "\(folder)/nowhere") == .noMountPoint)
                try Files.write([1], to: one.appending("file"))
                #expect(VolumeState.look(for: found.known, at: one.string) == .notMounted)
                try Files.remove(one.appending("file"))
                try await disk.mounted(at: one, isReadOnly: true) {
                    #expect(VolumeState.look(for: found.known, at: one.string) == .online(isReadOnly: true))
                }
            }
        }
    }

    @Test func anotherDiskInItsPlaceIsNoticed() async throws {
        try await withTemporaryFolder { folder in
            let place = folder.appending("mnt")
            try await LoopVolume.with("one", in: folder) { one in
                let known = try await one.mounted(at: place) { try #require(Volume.holding(place)).known }
                try await LoopVolume.with("two", in: folder) { two in
                    try await two.mounted(at: place) {
                        let other = try #require(Volume.holding(place))
                        #expect(VolumeState.look(for: known, at: place.string) == .replaced(by: other.identity))
                        #expect(known.isCertainlyAnother(than: other.known))
                    }
                }
            }
        }
    }

    /// A clone has the UUID of its original; both are seen while both are mounted, and a sentinel tells them apart.
    @Test func cloneIsToldApart() async throws {
        try await withTemporaryFolder { folder in
            let (here, there) = (folder.appending("here"), folder.appending("there"))
            try await LoopVolume.with(in: folder) { disk in
                try await disk.withClone(in: folder) { clone in
                    try await disk.mounted(at: here) {
                        try await clone.mounted(at: there) {
                            let (one, other) = (try #require(Volume.holding(here)), try #require(Volume.holding(there)))
                            #expect(one.identity == other.identity)
                            #expect(one.twins == [there.string] && other.twins == [here.string])
                            let sentinel = try VolumeSentinel.write(at: there)
                            _ = try VolumeSentinel.write(at: here)
                            #expect(
                                VolumeState.look(for: try #require(Volume.holding(there)).known, at: there.string)
                                    .isOnline)
                            #expect(
                                VolumeState.look(for: VolumeIdentity(one.identity, sentinel: sentinel), at: here.string)
                                    == .elsewhere(path: there.string))
                        }
                    }
                }
            }
        }
    }

    @Test func disksOfThisMachineAreFound() throws {
        let disks = PhysicalDevice.holding("/")
        #expect(PhysicalDevice.listed(for: "/usr", in: MountTable("")) == [])
        #expect(!disks.isEmpty)
        #expect(PhysicalDevice.holding("/usr") == disks || !PhysicalDevice.holding("/usr").isEmpty)
        #expect(PhysicalDevice.holding("/nowhere/at/all") == [])
    }

    // MARK: Space

    @Test func unallocatedBytesAreThoseWithoutBlocks() async throws {
        let fixture = try Fixture([FileEntry(path: ["a"], length: 1 << 20), FileEntry(path: ["b"], length: 1 << 20)])
        #expect(try await fixture.disk.unallocated(fixture.payload) == 2 << 20)
        let space = try await fixture.disk.space(at: fixture.payload.root.appending("not/there/yet"))
        #expect(space.freeBytes > 0 && space.volume != nil)
    }
}
