import Disk
import Glibc
import System
import SystemPackage
import TestSupport
import Testing
import Torrent

/// What the file system or a limit of the process refuses is named, with the way out.
@Suite struct LimitTests {
    private static let files = [
        FileEntry(path: ["t", "good"], length: 100_000), FileEntry(path: ["t", "odd: name"], length: 100_000),
        FileEntry(path: ["t", "odd folder?", "f"], length: 100_000),
    ]

    private func failure(_ outcomes: [PieceOutcome]) throws -> DiskError {
        try #require(
            outcomes.lazy.compactMap { if case .failed(let error) = $0 { error } else { nil } }.first, "nothing failed")
    }

    @Test(
        arguments: [Errno.fileNameTooLong, .illegalByteSequence, .invalidArgument],
        [("odd: name", FaultyDisk.Call.create), ("odd folder?", .makeDirectory)])
    func nameRejectedByTheFileSystemIsReported(errno: Errno, place: (name: String, call: FaultyDisk.Call)) async throws
    {
        let fixture = try Fixture(Self.files)
        fixture.calls.fail(place.call, errno, on: place.name)
        let error = try failure(try await fixture.writeAll())
        #expect(error.code == .nameRefused && error.errno == errno, "\(error)")
        #expect(
            "\(error)".contains(place.name) && "\(error)".contains("does not allow this name")
                && "\(error)".contains("--select"), "\(error)")
    }

    /// Such a file can't be there, so that looking for it finds nothing, and the torrent isn't taken for one whose disk
    /// is away.
    @Test(arguments: [Errno.fileNameTooLong, .illegalByteSequence, .invalidArgument])
    func fileWithARejectedNameIsMissing(errno: Errno) async throws {
        let fixture = try Fixture([
            FileEntry(path: ["t", "good"], length: 32768), FileEntry(path: ["t", "odd: name"], length: 32768),
        ])
        fixture.calls.fail(.create, errno, on: "odd: name")
        #expect(try await fixture.writeAll().count == 1)
        // Each name is opened by itself, as where the kernel has no openat2.
        fixture.calls.set { $0.hasOpenBeneath = false }
        fixture.calls.fail(.open, errno, on: "odd: name")
        #expect(await fixture.verify() == [.good, .missing])
    }

    /// Without it the others can be had: its bytes go to the part file.
    @Test func otherFilesAreWrittenWhenTheRejectedOneIsSkipped() async throws {
        let fixture = try Fixture(Self.files, wanted: [true, false, false])
        fixture.calls.fail(.create, .invalidArgument, on: "odd: name")
        fixture.calls.fail(.makeDirectory, .invalidArgument, on: "odd folder?")
        #expect(try await fixture.writeAll().isEmpty)
        #expect(fixture.content("t", "good") == fixture.expected(0))
    }

    @Test func fileTooLargeForTheFileSystemIsReported() async throws {
        let fixture = try Fixture(Self.files)
        fixture.calls.fail(.truncate, .fileTooLarge)
        let error = try failure(try await fixture.writeAll())
        #expect(
            error.code == .tooLarge && "\(error)".contains("use a file system that can hold files of this size"),
            "\(error)")
    }

    @Test func exceededQuotaIsNamed() async throws {
        let fixture = try Fixture(Self.files)
        fixture.calls.fail(.write, Errno(rawValue: EDQUOT))
        let error = try failure(try await fixture.writeAll())
        #expect(error.code == .noSpace && "\(error)".contains("quota"), "\(error)")
    }

    @Test func tooManyOpenFilesErrorNamesTheLimit() async throws {
        let fixture = try Fixture(Self.files)
        fixture.calls.fail(.create, .tooManyOpenFiles)
        let error = try failure(try await fixture.writeAll())
        #expect(error.code == .tooManyFiles && "\(error)".contains("ulimit -n"), "\(error)")
        fixture.calls.fail(.create, .tooManyOpenFilesInSystem)
        #expect("\(try failure(try await fixture.writeAll()))".contains("fs.file-max"))
    }

    /// In a process of its own, because a limit can't be raised again.
    @Test func fileSizeLimitDiffersFromTheFileSystemMaximum() async {
        await #expect(processExitsWith: .success) {
            var limit = rlimit(rlim_cur: 50_000, rlim_max: rlim_t.max)
            #expect(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
            #expect(ProcessLimit(errno: EFBIG, reaching: 50_001) == .fileSize)
            #expect(ProcessLimit(errno: EFBIG, reaching: 50_000) == nil)
            #expect(ProcessLimit(errno: EFBIG) == .fileSize)
            let error = DiskError(.fileTooLarge, .allocate, "/out/f", reaching: 100_000)
            #expect(
                error.code == .fileSizeLimit && "\(error)".contains("50000 bytes") && "\(error)".contains("ulimit -f"),
                "\(error)")
        }
    }

    @Test func threadShortageIsDetectedInAdvance() async {
        await #expect(processExitsWith: .success) {
            // Nobody has processes of its own already, and root has no limit.
            if geteuid() == 0 { #expect(setuid(65534) == 0) }
            var limit = rlimit(rlim_cur: 1, rlim_max: 1)
            #expect(setrlimit(__rlimit_resource_t(__RLIMIT_NPROC.rawValue), &limit) == 0)
            let shortage = #expect(throws: ProcessLimit.Shortage.self) {
                try ProcessLimit.Needs(descriptors: 4, threads: 4).require()
            }
            #expect(shortage?.description.contains("ulimit -u") == true, "\(shortage as Any)")
        }
    }

    @Test func descriptorShortageIsDetectedInAdvance() async {
        await #expect(processExitsWith: .success) {
            // The process has what the tests beside it had open when it began.
            let highest = (0..<65_536 as Range<Int32>).last { fcntl($0, F_GETFD) >= 0 } ?? 2
            let most = Int(highest) + 40
            var limit = rlimit(rlim_cur: rlim_t(most), rlim_max: rlim_t(most))
            #expect(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            let shortage = #expect(throws: ProcessLimit.Shortage.self) {
                try ProcessLimit.Needs(descriptors: most + 1, threads: 1).require()
            }
            #expect(shortage?.description.contains("\(most) files and sockets") == true, "\(shortage as Any)")
            // What was opened to try is closed again.
            #expect(throws: Never.self) { try ProcessLimit.Needs(descriptors: 8, threads: 8).require() }
        }
    }

    @Test(arguments: [false, true]) func memoryShortageIsDetectedInAdvance(isData: Bool) async {
        await #expect(processExitsWith: .success) { [isData = isData as Bool] in
            let option = isData ? "ulimit -d" : "ulimit -v"
            let resource = isData ? RLIMIT_DATA : RLIMIT_AS
            // More than a test uses, whatever it was built with, and less than is asked for.
            var limit = rlimit(rlim_cur: 16 << 30, rlim_max: 16 << 30)
            #expect(setrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0)
            for needs in [
                ProcessLimit.Needs(memory: 64 << 30), .init(threads: 1, memory: 64 << 30), .init(threads: 100_000),
            ] {
                let shortage = #expect(throws: ProcessLimit.Shortage.self) { try needs.require() }
                #expect(shortage?.description.contains(option) == true, "\(shortage as Any)")
            }
            // What was mapped to try is given back.
            for _ in 0..<100 {
                #expect(throws: Never.self) {
                    try ProcessLimit.Needs(descriptors: 1, threads: 2, memory: 1 << 30).require()
                }
            }
        }
    }
}
