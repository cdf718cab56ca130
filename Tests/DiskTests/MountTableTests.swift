import Disk
import SystemPackage
import Testing

@Suite struct MountTableTests {
    private let table = MountTable(
        """
        22 27 0:21 / /proc rw,relatime - proc proc rw
        27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
        30 27 8:1 / /mnt/my\\040disk rw shared:1 master:2 - xfs /dev/sda1 rw
        31 27 8:2 / /mnt/archive rw - ext4 /dev/sdb1 rw
        32 27 8:3 / /mnt/archive rw - btrfs /dev/sdc1 rw
        nonsense
        33 27 8:3 / /short rw
        """)

    @Test func malformedLinesAreSkipped() {
        #expect(table.mounts.map(\.path) == ["/proc", "/", "/mnt/my disk", "/mnt/archive", "/mnt/archive"])
    }

    /// The longest path above it, whole components only; of two mounts at one place the later one covers the other.
    @Test(arguments: [
        ("/home/me", "/", "ext4"), ("/mnt/my disk/x", "/mnt/my disk", "xfs"), ("/mnt/archive", "/mnt/archive", "btrfs"),
        ("/mnt/archive2/x", "/", "ext4"), ("/proc/1", "/proc", "proc"),
    ])
    func pathBelongsToTheNearestMount(path: String, mount: String, kind: String) throws {
        let found = try #require(table.mount(of: FilePath(path)))
        #expect(found.path == mount && found.kind == kind)
    }

    /// This machine's own: two looks agree, a folder below is on the same volume, and one that isn't there is on none.
    @Test func volumesOfThisMachineAreIdentified() throws {
        let root = try #require(Volume.holding("/"))
        #expect(root == Volume.holding("/"))
        #expect(root.mountPath == "/" && !root.identity.isEmpty)
        let processes = try #require(Volume.holding("/proc/self"))
        #expect(processes.mountPath == "/proc" && processes.identity != root.identity)
        #expect(Volume.holding("/nowhere/at/all") == nil)
    }
}
