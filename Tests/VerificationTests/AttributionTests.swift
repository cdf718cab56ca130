import Disk
import Store
import SystemPackage
import Testing
import Torrent
import Verification

/// Whom `pieces verify` blames for a piece that doesn't match.
struct AttributionTests {
    typealias State = VerificationResult.FileState
    typealias Look = Attribution.Look

    /// Files of 10 bytes, in pieces of 16 KiB where nothing else is said: all of them share piece 0.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var lengths: [Int64] = [10, 10, 10]
        var pads: Set<Int> = []
        var skipped: Set<Int> = []
        var looks: [Look]
        /// Of files that don't have their own.
        var sizes: [Int: Int64] = [:]
        var partFile: Look?
        var bad: [Int] = [0]
        var missing: [Int] = []
        var claimed = true
        let states: [State]
        var riddles: [[Int]] = []
        var rot: [Bool] = []
        var blamesPartFile = false
    }

    private static let half = Int64(8192)
    private static let piece = Int64(16384)

    static let cases = [
        Case(
            testDescription: "one was edited", looks: [.asLeft, .changed, .asLeft], states: [.shares, .bad, .shares]),
        Case(testDescription: "two were edited", looks: [.changed, .changed, .asLeft], states: [.bad, .bad, .shares]),
        Case(
            testDescription: "one was deleted", looks: [.asLeft, .gone, .asLeft], bad: [], missing: [0],
            states: [.shares, .missing, .shares]),
        Case(
            testDescription: "one was deleted, one edited", looks: [.changed, .gone, .asLeft], bad: [], missing: [0],
            states: [.bad, .missing, .shares]),
        Case(
            testDescription: "nobody touched any", looks: [.asLeft, .asLeft, .asLeft],
            states: [.unknown, .unknown, .unknown],
            riddles: [[0, 1, 2]], rot: [true]),
        Case(
            testDescription: "of one nothing is known", looks: [.asLeft, .unknown, .asLeft],
            states: [.unknown, .unknown, .unknown],
            riddles: [[0, 1, 2]], rot: [false]),
        Case(
            testDescription: "no fingerprints, and one has another size than the torrent says",
            looks: [.unknown, .unknown, .unknown], sizes: [1: 9],
            states: [.shares, .bad, .shares]),
        Case(
            testDescription: "edited, and all is right", looks: [.asLeft, .changed, .asLeft], bad: [],
            states: [.good, .good, .good]),
        Case(testDescription: "alone in the piece, untouched", lengths: [10], looks: [.asLeft], states: [.bad]),
        Case(testDescription: "alone in the piece, nothing known", lengths: [10], looks: [.unknown], states: [.bad]),
        Case(
            testDescription: "alone but for padding and an empty file", lengths: [10, 100, 0], pads: [1],
            looks: [.asLeft, .asLeft, .asLeft],
            states: [.bad]),
        Case(
            testDescription: "rot of its own beside a piece that is shared", lengths: [piece + half, half],
            looks: [.asLeft, .asLeft],
            bad: [0], states: [.bad, .good]),
        Case(
            testDescription: "rot of its own, and the shared piece too", lengths: [piece + half, half],
            looks: [.asLeft, .asLeft],
            bad: [0, 1], states: [.bad, .unknown], riddles: [[0, 1]], rot: [true]),
        Case(
            testDescription: "edited across pieces", lengths: [piece + half, piece], looks: [.changed, .asLeft],
            bad: [0, 1],
            states: [.bad, .shares]),
        Case(
            testDescription: "the part file was changed", lengths: [half, half], skipped: [1],
            looks: [.asLeft, .asLeft], partFile: .changed,
            states: [.shares], blamesPartFile: true),
        Case(
            testDescription: "the part file is gone", lengths: [half, half], skipped: [1], looks: [.asLeft, .asLeft],
            partFile: .gone, bad: [],
            missing: [0], states: [.shares], blamesPartFile: true),
        Case(
            testDescription: "beside a part file as it was left", lengths: [half, half], skipped: [1],
            looks: [.asLeft, .asLeft],
            partFile: .asLeft, states: [.unknown], riddles: [[0, 1]], rot: [true]),
        Case(
            testDescription: "nothing was claimed", looks: [.unknown, .unknown, .unknown], claimed: false,
            states: [.unknown, .unknown, .unknown],
            riddles: [[0, 1, 2]], rot: [false]),
    ]

    @Test(arguments: cases) func onlyChangedFilesAreBlamed(_ one: Case) throws {
        let entries = one.lengths.enumerated().map {
            FileEntry(path: ["f\($0)"], length: $1, isPad: one.pads.contains($0))
        }
        let layout = try #require(FileLayout(files: entries))
        let geometry = try #require(Geometry(totalBytes: layout.totalBytes, pieceLength: Int(Self.piece)))
        let payload = Payload(
            infoHash: try #require(InfoHash([UInt8](repeating: 1, count: 20))), root: "/x", layout: layout,
            geometry: geometry,
            wanted: layout.files.map { !one.skipped.contains($0.index) })
        var recorded: [FingerprintRow] = []
        var current: [PayloadFile: FoundFile] = [:]
        func put(_ file: PayloadFile, _ index: Int, _ look: Look, _ length: Int64) {
            if [.asLeft, .changed, .gone].contains(look) {
                recorded.append(
                    FingerprintRow(index: index, FileFingerprint(size: length, mtimeNs: 1, inode: 1, device: 1)))
            }
            guard look != .gone else { return }
            // The number of the disk may be another after each start of the machine.
            current[file] = FoundFile(
                file,
                FileFingerprint(
                    size: one.sizes[index] ?? length, mtimeNs: look == .changed ? 2 : 1, inode: 1, device: 9))
        }
        for file in layout.files { put(.entry(file.index), file.index, one.looks[file.index], file.length) }
        if let look = one.partFile { put(.parts, FingerprintRow.partFile, look, 100) }
        var verdicts = Verdicts(count: geometry.pieceCount)
        for piece in geometry.pieces {
            verdicts.add(
                piece, one.bad.contains(piece.value) ? .bad : one.missing.contains(piece.value) ? .missing : .good)
        }
        let claimed = one.claimed ? Bitfield(fullCount: geometry.pieceCount) : Bitfield(count: geometry.pieceCount)
        let found = Attribution(
            verdicts, of: payload, claimed: claimed, recorded: recorded, current: current, withEmptyFiles: false)
        #expect(found.files.map(\.state) == one.states)
        #expect(found.riddles.map { $0.files.map(\.index) } == one.riddles)
        #expect(found.riddles.map(\.isRot) == one.rot)
        #expect((found.partFile != nil) == one.blamesPartFile)
        for file in found.files { #expect(file.blame.damaged == (one.claimed ? file.blame.pieces : 0)) }
        for riddle in found.riddles { #expect(riddle.count.damaged == (one.claimed ? riddle.count.pieces : 0)) }
    }

    @Test func longFileListsAreAbbreviated() throws {
        let layout = try #require(FileLayout(files: (0..<1200).map { FileEntry(path: ["f\($0)"], length: 1) }))
        func names(_ count: Int) -> String {
            Attribution.Riddle(files: Array(layout.files.prefix(count)), count: Attribution.Count(), isRot: true).names
        }
        #expect(names(1) == "f0")
        #expect(names(2) == "f0 and f1")
        #expect(names(3) == "f0, f1 and f2")
        #expect(names(4) == "f0, f1, f2 and 1 other file")
        #expect(names(1200) == "f0, f1, f2 and 1,197 other files")
    }
}
