import DatabaseLab
import Store
import System
import Testing
import Torrent

/// Which row a mounted volume is, and what a database on another machine believes.
@Suite struct VolumeTableTests {
    private func sighting(
        _ identity: String, _ mountPath: String, sentinel: String? = nil, twins: [String] = [], others: [String] = []
    ) -> VolumeSighting {
        var found = VolumeSighting(identity: identity, mountPath: mountPath)
        found.sentinel = sentinel
        found.twins = twins
        found.otherMounts = others
        return found
    }

    private let one = String(repeating: "1", count: 32)
    private let two = String(repeating: "2", count: 32)

    @Test func volumeKeepsItsRowWhereverItIsMounted() throws {
        let connection = try TemporaryFolder().connection()
        let id = try connection.volumes.save(sighting("ext4 uuid a", "/mnt/a"), now: noon)
        #expect(try connection.volumes.save(sighting("ext4 uuid a", "/media/a"), now: noon) == id)
        #expect(try connection.volumes.row(id)?.mountPath == "/media/a")
        // A bind mount doesn't change where it is.
        #expect(try connection.volumes.save(sighting("ext4 uuid a", "/bind", others: ["/media/a"]), now: noon) == id)
        #expect(try connection.volumes.row(id)?.mountPath == "/media/a")
        #expect(try connection.volumes.match(sighting("ext4 uuid b", "/media/a")) == nil)
    }

    @Test func numberBecomesTheUUIDThatItWasMadeOf() throws {
        let connection = try TemporaryFolder().connection()
        let id = try connection.volumes.save(sighting("ext4 number 7f", "/mnt/a"), now: noon)
        var found = sighting("ext4 uuid a", "/mnt/a")
        found.numbered = "ext4 number 7f"
        #expect(try connection.volumes.save(found, now: noon) == id)
        #expect(try connection.volumes.row(id)?.identity == "ext4 uuid a")
    }

    @Test func clonesThatAreMountedTogetherHaveRowsOfTheirOwn() throws {
        let connection = try TemporaryFolder().connection()
        let original = try connection.volumes.save(sighting("ext4 uuid a", "/mnt/a", twins: ["/mnt/b"]), now: noon)
        let clone = try connection.volumes.save(sighting("ext4 uuid a", "/mnt/b", twins: ["/mnt/a"]), now: noon)
        #expect(clone != original)
        for _ in 0..<2 {
            #expect(try connection.volumes.match(sighting("ext4 uuid a", "/mnt/a", twins: ["/mnt/b"]))?.id == original)
            #expect(try connection.volumes.match(sighting("ext4 uuid a", "/mnt/b", twins: ["/mnt/a"]))?.id == clone)
        }
        // Alone, each is the one that was at its mount point.
        #expect(try connection.volumes.match(sighting("ext4 uuid a", "/mnt/b"))?.id == clone)
        #expect(try connection.volumes.match(sighting("ext4 uuid a", "/mnt/a"))?.id == original)
        // With sentinels of their own they are recognised anywhere.
        try connection.volumes.setSentinel(original, one)
        try connection.volumes.setSentinel(clone, two)
        #expect(try connection.volumes.match(sighting("ext4 uuid a", "/x", sentinel: two))?.id == clone)
        #expect(try connection.volumes.match(sighting("ext4 uuid a", "/x", sentinel: one))?.id == original)
    }

    @Test func copyWithTheSentinelTakesTheOriginalsPlace() throws {
        let connection = try TemporaryFolder().connection()
        let id = try connection.volumes.save(sighting("ext4 uuid a", "/mnt/a", sentinel: one), now: noon)
        #expect(try connection.volumes.save(sighting("xfs uuid b", "/mnt/a", sentinel: one), now: noon) == id)
        let row = try #require(try connection.volumes.row(id))
        #expect(row.identity == "xfs uuid b" && row.sentinel == one)
        // A clone with another sentinel is another volume.
        #expect(try connection.volumes.save(sighting("xfs uuid b", "/mnt/a", sentinel: two), now: noon) != id)
        // A sentinel that was deleted changes nothing.
        #expect(try connection.volumes.match(sighting("xfs uuid b", "/mnt/a"))?.sentinel != nil)
    }

    /// A clone that was made after the mark has the mark too, and a row of its own while both are mounted.
    @Test func cloneWithTheSameSentinelHasItsOwnRow() throws {
        let connection = try TemporaryFolder().connection()
        let original = try connection.volumes.save(sighting("ext4 uuid a", "/mnt/a", sentinel: one), now: noon)
        let both = [
            sighting("ext4 uuid a", "/mnt/a", sentinel: one, twins: ["/mnt/b"]),
            sighting("ext4 uuid a", "/mnt/b", sentinel: one, twins: ["/mnt/a"]),
        ]
        let clone = try connection.volumes.save(both[1], now: noon)
        for _ in 0..<2 {
            #expect(try connection.volumes.save(both[0], now: noon) == original)
            #expect(try connection.volumes.save(both[1], now: noon) == clone)
        }
        #expect(clone != original)
        #expect(try connection.volumes.row(clone)?.sentinel == nil)
        #expect(try connection.volumes.row(original)?.sentinel == one)
    }

    @Test func namesAreUniqueAndVolumesWithTorrentsStay() throws {
        let connection = try TemporaryFolder().connection()
        let torrent = try connection.add()
        try connection.volumes.place(torrent, on: sighting("ext4 uuid a", "/mnt/a"), now: noon)
        let a = try #require(try connection.volumes.rows().first?.id)
        let b = try connection.volumes.save(sighting("ext4 uuid b", "/mnt/b"), now: noon)
        try connection.volumes.setName(a, "archive")
        #expect(try failure { try connection.volumes.setName(b, "archive") }.code == .alreadyPresent)
        try connection.volumes.setReserve(a, 10)
        #expect(try connection.volumes.row(a)?.reserveBytes == 10)
        try connection.volumes.remove(a)
        try connection.volumes.remove(b)
        #expect(try connection.volumes.rows().map(\.id) == [a])
        #expect(try connection.volumes.above("/mnt/a/x").map(\.id) == [a])
        #expect(try connection.volumes.above("/mnt/ab").isEmpty)
        let tally = try #require(try connection.volumes.tallies().first)
        #expect(tally.volume == a && tally.torrents == 1 && tally.completedBytes == 0 && tally.missingBytes > 0)
    }

    @Test func absenceIsRecordedOnce() throws {
        let connection = try TemporaryFolder().connection()
        let id = try connection.volumes.save(sighting("ext4 uuid a", "/mnt/a"), now: noon)
        func note(_ state: String, _ isOnline: Bool, _ free: Int64?, after: Int) throws {
            try connection.volumes.note(
                try #require(try connection.volumes.row(id)), state: state, isOnline: isOnline, free: free, total: free,
                now: noon + .seconds(after))
        }
        try note("online", true, 5, after: 1)
        try note("empty_mount_point", false, nil, after: 2)
        try note("empty_mount_point", false, nil, after: 9)
        let row = try #require(try connection.volumes.row(id))
        #expect(row.state == "empty_mount_point" && row.offlineSince == noon + .seconds(2) && row.freeBytes == nil)
        try note("online", true, 7, after: 10)
        #expect(try connection.volumes.row(id)?.offlineSince == nil && connection.volumes.row(id)?.freeBytes == 7)
    }

    // MARK: Machines

    private func complete(_ connection: Connection, seed: UInt64) throws -> TorrentID {
        let id = try connection.add(seed: seed)
        try connection.torrents.setRootSeen(id)
        try connection.torrents.setState(id, .seeding)
        return id
    }

    @Test func everythingIsOfflineOnAnotherMachineUntilItsVolumeIsFound() throws {
        let here = try #require(MachineID.current, "this machine has no ID: write one to /etc/machine-id")
        let connection = try TemporaryFolder().connection()
        let (placed, homeless, paused) = (
            try complete(connection, seed: 1), try complete(connection, seed: 2), try complete(connection, seed: 3)
        )
        let new = try connection.add(seed: 4)
        let found = sighting("ext4 uuid a", "/mnt/a")
        try connection.volumes.place(placed, on: found, now: noon)
        try connection.volumes.place(paused, on: found, now: noon)
        try connection.torrents.setPaused(paused, true)
        try connection.torrents.setState(paused, .paused)
        #expect(try connection.volumes.settle(on: "other", now: noon) == nil)
        #expect(try connection.volumes.settle(on: "other", now: noon) == nil)
        // As the other machine left it.
        try connection.execute("UPDATE volume SET machine = 'other'")
        let sentence = try #require(try connection.volumes.settle(on: here, now: noon))
        #expect(sentence.contains("another machine") && sentence.contains("2 torrents are offline"))
        #expect(try connection.torrents.row(placed)?.state == .offline)
        #expect(try connection.torrents.row(homeless)?.state == .offline)
        #expect(try connection.torrents.row(paused)?.state == .paused)
        #expect(try connection.torrents.row(new)?.state == .queued)
        #expect(try connection.volumes.settle(on: here, now: noon) == nil)
        let rows = try connection.volumes.rows()
        #expect(rows.count == 2 && rows.allSatisfy(\.isForeign))
        #expect(try connection.volumes.trustedIdentity(of: #require(try connection.torrents.row(placed))) == nil)
        // What proves nothing leaves it foreign; what proves it brings the whole volume back.
        #expect(try connection.volumes.place(placed, on: found, isProven: false, now: noon) == nil)
        #expect(try connection.volumes.rows()[0].isForeign)
        let volume = try connection.volumes.place(placed, on: found, isProven: true, now: noon)
        #expect(volume == rows[0].id)
        #expect(try !connection.volumes.rows()[0].isForeign)
        // Its trackers are asked at once, so it has an announce to wait for.
        #expect(try connection.volumes.hastenOffline(on: rows[0].id, now: noon) == [])
    }

    /// A database whose machine isn't known, as one of an earlier version, belongs to the first that uses it.
    @Test func firstMachineTakesTheDatabaseOver() throws {
        let connection = try TemporaryFolder().connection()
        let id = try complete(connection, seed: 1)
        try connection.volumes.place(id, on: sighting("ext4 uuid a", "/mnt/a"), now: noon)
        try connection.execute("UPDATE volume SET machine = NULL")
        #expect(try connection.volumes.settle(on: nil, now: noon) == nil)
        #expect(try connection.volumes.settle(on: "here", now: noon) == nil)
        #expect(try connection.volumes.rows().map(\.machine) == ["here"])
        #expect(try connection.torrents.row(id)?.state == .seeding)
    }

    // MARK: States and settings

    @Test func stateNoSpaceAndReadOnlyAreStored() throws {
        let connection = try TemporaryFolder().connection()
        let id = try connection.add()
        try connection.torrents.setState(id, .noSpace, error: "waits for space")
        try connection.torrents.setReadOnly(id, true)
        let row = try #require(try connection.torrents.row(id))
        #expect(row.state == .noSpace && row.settings.isReadOnly && row.error == "waits for space")
        #expect(try connection.torrents.incomplete() == [id])
        #expect(try connection.values("SELECT state FROM v1_torrent", as: String.self) == ["no_space"])
        #expect(try connection.values("SELECT torrent_id FROM v1_read_only", as: TorrentID.self) == [id])
        #expect(try connection.integrityFaults(.structure).isEmpty)
    }
}
