import Glibc
import System
import SystemPackage
import Testing

@Suite struct LinuxTests {
    /// A call is repeated while signals interrupt it; every other error is thrown.
    @Test func interruptedCallsAreRepeated() throws {
        var calls = 0
        let result = try retrying { () -> Int32 in
            calls += 1
            guard calls == 4 else {
                errno = EINTR
                return -1
            }
            return 7
        }
        #expect(result == 7 && calls == 4)
        #expect(throws: Errno.ioError) {
            _ = try retrying { () -> Int32 in
                errno = EIO
                return -1
            }
        }
        #expect(throws: Errno.noSpace) { try retryingNumbered { ENOSPC } }
    }

    @Test func fileSystemNumberIsRead() throws {
        let proc = FileSystemNumber(at: "/proc/self/status")
        #expect(proc == FileSystemNumber(0x9fa0), "proc, by linux/magic.h")
        let descriptor = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        #expect(try FileSystemNumber(of: descriptor) == proc)
        #expect(FileSystemNumber(at: "/proc/no such file") == nil)
        #expect(throws: Errno.badFileDescriptor) { try FileSystemNumber(of: -1) }
    }

    /// Neither `..` nor a link leads out of the folder that a path is opened beneath.
    @Test func openBeneathStaysInsideItsFolder() throws {
        let root = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        try #require(root >= 0)
        defer { close(root) }
        let inside = try retrying { Linux.openBeneath(root, "status", flags: O_RDONLY | O_CLOEXEC) }
        close(inside)
        for path in ["../1/status", "cwd/status", "/etc/passwd"] {
            let opened = Linux.openBeneath(root, path, flags: O_RDONLY | O_CLOEXEC)
            #expect(opened == -1 && [EXDEV, ELOOP].contains(errno), "\(path)")
        }
    }
}
