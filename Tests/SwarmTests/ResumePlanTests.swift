import Swarm
import Testing
import Torrent

struct ResumePlanTests {
    /// One start: ten pieces in two files, of which piece 4 is in both.
    struct Start: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var have: [Int] = []
        var intents: [Int] = []
        var unwritten: [Int] = []
        var damaged: [Int] = []
        var recorded: [FileFingerprint?] = [nil, nil]
        var current: [FileFingerprint?] = [nil, nil]
        var stoppedCleanly = false
        var aliveUntilNs: Int64? = 1_000_000_000_000
        var isOffline = false
        // What comes of it.
        var trusted: [Int]
        var unverified: [Int] = []
        var stale: [Int] = []
        var reasons: [ResumePlan.Reason: Int] = [:]
        /// Pieces that are edits if they are bad.
        var edited: [Int] = []
    }

    private static let old = FileFingerprint(size: 450, mtimeNs: 900_000_000_000, inode: 5, device: 1)
    private static let written = FileFingerprint(size: 450, mtimeNs: 1_000_000_000_000, inode: 5, device: 1)
    private static let later = FileFingerprint(size: 450, mtimeNs: 1_100_000_000_000, inode: 5, device: 1)
    private static let short = FileFingerprint(size: 10, mtimeNs: 950_000_000_000, inode: 5, device: 1)
    private static let replaced = FileFingerprint(size: 450, mtimeNs: 900_000_000_000, inode: 6, device: 1)

    static let starts: [Start] = [
        Start(
            testDescription: "clean stop", have: [0, 1, 5], recorded: [old, old], current: [old, old],
            stoppedCleanly: true, trusted: [0, 1, 5]),
        Start(testDescription: "never run", aliveUntilNs: nil, trusted: []),
        Start(
            testDescription: "repair asked for", have: [0, 1], intents: [2, 5], damaged: [2], recorded: [old, old],
            current: [old, old], trusted: [0, 1], unverified: [2, 5],
            reasons: [.damaged: 1, .writtenSinceLastCommit: 1]),
        Start(
            testDescription: "killed, nothing open", have: [0, 1], recorded: [old, nil], current: [old, nil],
            trusted: [0, 1]),
        Start(
            testDescription: "killed while writing", have: [0, 1, 5], intents: [2, 7], recorded: [old, old],
            current: [written, written],
            trusted: [0, 1, 5], unverified: [2, 7], reasons: [.writtenSinceLastCommit: 2]),
        Start(
            testDescription: "killed between a note and the write", have: [0, 1, 5], intents: [2],
            recorded: [old, old],
            current: [old, old],
            trusted: [0, 1, 5], unverified: [2], reasons: [.writtenSinceLastCommit: 1]),
        Start(
            testDescription: "killed, and most of what was noted never written", have: [0, 1, 5],
            intents: [2, 3, 6, 7],
            unwritten: [3, 6, 8],
            recorded: [old, old], current: [written, written], trusted: [0, 1, 5], unverified: [2, 7],
            reasons: [.writtenSinceLastCommit: 2]),
        Start(
            testDescription: "claimed, and a hole", have: [0, 1, 5], intents: [2], unwritten: [0, 1, 2],
            recorded: [old, old], current: [later, old],
            trusted: [5], unverified: [0, 1], stale: [2, 3, 4], reasons: [.changedOutside(file: 0): 2], edited: [0, 1]),
        Start(
            testDescription: "killed when all space was reserved", unwritten: [0, 1, 2, 3, 4], current: [written, nil],
            trusted: []),
        Start(
            testDescription: "killed while writing the first file, the other edited", have: [0, 5, 6], intents: [2],
            recorded: [old, old],
            current: [written, later], trusted: [0], unverified: [2, 5, 6], stale: [4, 7, 8, 9],
            reasons: [.writtenSinceLastCommit: 1, .changedOutside(file: 1): 2], edited: [5, 6]),
        Start(
            testDescription: "killed, and edited long after the last sign of life", have: [0, 1], intents: [2],
            recorded: [old, nil],
            current: [later, nil], trusted: [], unverified: [0, 1, 2], stale: [2, 3, 4],
            reasons: [.writtenSinceLastCommit: 1, .changedOutside(file: 0): 2], edited: [0, 1]),
        Start(
            testDescription: "stopped with a fault: what was open is looked at", have: [0], intents: [1, 2],
            recorded: [old, nil],
            current: [written, nil], stoppedCleanly: true, trusted: [0], unverified: [1, 2],
            reasons: [.writtenSinceLastCommit: 2]),
        Start(
            testDescription: "edited after a clean stop", have: [0, 4, 5], recorded: [old, old], current: [later, old],
            stoppedCleanly: true,
            trusted: [5], unverified: [0, 4], stale: [1, 2, 3], reasons: [.changedOutside(file: 0): 2], edited: [0, 4]),
        Start(
            testDescription: "killed while a file was put in its place", have: [4, 5, 6], intents: [7],
            recorded: [old, nil], current: [old, old],
            trusted: [], unverified: [4, 5, 6, 7], reasons: [.foundAtAdd(file: 1): 3, .writtenSinceLastCommit: 1]),
        Start(
            testDescription: "truncated", have: [0, 5], recorded: [old, old], current: [short, old],
            stoppedCleanly: true, trusted: [5],
            unverified: [0], stale: [1, 2, 3, 4], reasons: [.changedOutside(file: 0): 1], edited: [0]),
        Start(
            testDescription: "truncated while it was open", have: [0, 5], intents: [1], recorded: [old, old],
            current: [short, old], trusted: [5],
            unverified: [0, 1], stale: [1, 2, 3, 4],
            reasons: [.changedOutside(file: 0): 1, .writtenSinceLastCommit: 1], edited: [0]),
        Start(
            testDescription: "another inode", have: [0, 5], intents: [1], recorded: [old, old],
            current: [replaced, old], trusted: [5],
            unverified: [0, 1], stale: [1, 2, 3, 4],
            reasons: [.changedOutside(file: 0): 1, .writtenSinceLastCommit: 1], edited: [0]),
        Start(
            testDescription: "file deleted", have: [0, 4, 5], recorded: [old, old], current: [nil, old],
            stoppedCleanly: true, trusted: [5],
            unverified: [0, 4], stale: [1, 2, 3], reasons: [.fileMissing(file: 0): 2]),
        Start(
            testDescription: "out of reach", have: [0, 5], intents: [1], recorded: [old, old], isOffline: true,
            trusted: [0, 5]),
        Start(
            testDescription: "found at add", current: [later, nil], stoppedCleanly: true, aliveUntilNs: nil,
            trusted: [],
            unverified: [0, 1, 2, 3, 4], reasons: [.foundAtAdd(file: 0): 5]),
        Start(
            testDescription: "killed before the first commit", intents: [1, 2], current: [written, nil], trusted: [],
            unverified: [1, 2],
            reasons: [.writtenSinceLastCommit: 2]),
        Start(
            testDescription: "found at add, and stopped while it was checked", have: [0, 1], intents: [3, 4],
            recorded: [later, nil],
            current: [later, nil], stoppedCleanly: true, trusted: [0, 1], unverified: [3, 4],
            reasons: [.writtenSinceLastCommit: 2]),
    ]

    @Test(arguments: starts)
    func planSeparatesTrustedAndUnverifiedPieces(_ start: Start) {
        let ranges = [0..<5, 4..<10]
        let files = (0..<2).map { number in
            ResumePlan.File(
                pieces: PieceIndex(ranges[number].lowerBound)..<PieceIndex(ranges[number].upperBound), length: 450,
                recorded: start.recorded[number],
                current: start.current[number])
        }
        var input = ResumePlan.Input(
            have: Bitfield(10, start.have), intents: Bitfield(10, start.intents),
            unwritten: Bitfield(10, start.unwritten), files: files,
            stoppedCleanly: start.stoppedCleanly, aliveUntilNs: start.aliveUntilNs, isOffline: start.isOffline)
        input.damaged = Bitfield(10, start.damaged)
        let plan = ResumePlan(input)
        #expect(plan.trusted.numbers == start.trusted)
        #expect(plan.unverified.numbers == start.unverified)
        #expect(plan.stale.numbers == start.stale)
        #expect(plan.reasons == start.reasons)
        #expect(plan.edited.numbers == start.edited)
        #expect(plan.isOffline == start.isOffline)
    }

    /// Two files share the only piece that is claimed: both are named, though the piece is counted once.
    @Test func everyTouchedFileIsNamed() {
        let files = [(Self.old, Self.later), (Self.old, nil), (Self.old, Self.old), (Self.old, Self.later)].enumerated()
            .map { number, file in
                let pieces = number < 3 ? PieceIndex(0)..<PieceIndex(1) : PieceIndex(1)..<PieceIndex(2)
                return ResumePlan.File(pieces: pieces, length: 450, recorded: file.0, current: file.1)
            }
        let plan = ResumePlan(
            ResumePlan.Input(
                have: Bitfield(2, [0]), intents: Bitfield(count: 2), files: files, stoppedCleanly: true,
                aliveUntilNs: nil))
        #expect(plan.touched == [0, 1])
        #expect(plan.reasons == [.changedOutside(file: 0): 1])
    }

    @Test func padAndEmptyFilesLeaveNothingUnverified() {
        let file = ResumePlan.File(pieces: PieceIndex(0)..<PieceIndex(0), length: 0, recorded: nil, current: Self.later)
        let plan = ResumePlan(
            ResumePlan.Input(
                have: Bitfield(10, [1]), intents: Bitfield(count: 10), files: [file], stoppedCleanly: true,
                aliveUntilNs: nil))
        #expect(plan.unverified.isEmpty && plan.trusted.numbers == [1])
    }

    /// While another torrent writes a file, nothing new is claimed in it. Once that torrent has completed the file, an
    /// unchanged fingerprint proves nothing about missing pieces: it may have been recorded after the last write.
    @Test(arguments: [
        (ResumePlan.Holder.none, [3], [0, 1, 2, 3]), (.unfinished, [], [1]), (.finished, [0, 2, 3], [0, 1, 2, 3]),
    ])
    func missingPiecesOfASharedFileAreCheckedWhenItIsComplete(
        holder: ResumePlan.Holder, recorded: [Int], unrecorded: [Int]
    ) {
        for (print, expected) in [(Self.old, recorded), (nil, unrecorded)] {
            let file = ResumePlan.File(
                pieces: PieceIndex(0)..<PieceIndex(4), length: 450, recorded: print, current: Self.old,
                isForeign: true, holder: holder)
            let plan = ResumePlan(
                ResumePlan.Input(
                    have: Bitfield(6, [1, 5]), intents: Bitfield(6, [3]), files: [file], stoppedCleanly: true,
                    aliveUntilNs: nil))
            #expect(plan.unverified.numbers == expected)
        }
    }

    @Test func maximumHeartbeatTimeDoesNotOverflow() {
        let file = ResumePlan.File(
            pieces: PieceIndex(0)..<PieceIndex(10), length: 450, recorded: Self.old, current: Self.later)
        let plan = ResumePlan(
            ResumePlan.Input(
                have: Bitfield(10, [1]), intents: Bitfield(10, [2]), files: [file], stoppedCleanly: false,
                aliveUntilNs: .max))
        #expect(plan.unverified.numbers == [2])
    }

    /// What is done for a file doesn't grow with the torrent, and what happened to many is told once.
    @Test(.timeLimit(.minutes(5))) func manyChangedFilesAreSummarized() {
        let count = 100_000
        let (before, after) = (
            FileFingerprint(size: 1, mtimeNs: 1, inode: 1, device: 1),
            FileFingerprint(size: 1, mtimeNs: 1, inode: 2, device: 1)
        )
        let files = (0..<count).map {
            ResumePlan.File(pieces: PieceIndex($0)..<PieceIndex($0 + 1), length: 1, recorded: before, current: after)
        }
        let plan = ResumePlan(
            ResumePlan.Input(
                have: Bitfield(fullCount: count), intents: Bitfield(count: count), files: files, stoppedCleanly: true,
                aliveUntilNs: nil))
        #expect(plan.unverified.isFull && plan.trusted.isEmpty)
        #expect(plan.causes == "100000 changed outside")
    }
}
