import Testing
import Torrent

struct FileSelectionTests {
    private let layout: FileLayout
    private let geometry: Geometry

    init() throws {
        layout = try #require(
            FileLayout(files: [
                FileEntry(path: ["Show", "readme.txt"], length: 10),
                FileEntry(path: ["Show", "s1", "e1.mkv"], length: 95),
                FileEntry(path: ["Show", ".pad", "5"], length: 15, isPad: true),
                FileEntry(path: ["Show", "s1", "e2.mkv"], length: 100),
                FileEntry(path: ["Show", "s2", "[best] e1.mkv"], length: 30),
                FileEntry(path: ["Show", "s2", "empty"], length: 0),
            ]))
        geometry = try #require(Geometry(totalBytes: layout.totalBytes, pieceLength: 40))
    }

    @Test(
        arguments: [
            (["1"], [1]), (["2-4"], [2, 4]), (["1-6"], [1, 2, 4, 5, 6]), (["*.mkv"], [2, 4, 5]), (["s1/*"], [2, 4]),
            (["Show/s1/*"], [2, 4]),
            (["s1/"], [2, 4]),
            (["**"], [1, 2, 4, 5, 6]), (["**/e1.mkv"], [2]), (["readme.txt", "empty"], [1, 6]),
            (["[best] e1.mkv"], [5]),
            (["Show/"], [1, 2, 4, 5, 6]), ([], []),
            (["e[12].mkv", "1"], [1, 2, 4]), (["s?/e*"], [2, 4, 6]),
        ] as [([String], [Int])])
    func patternsSelectFiles(patterns: [String], numbers: [Int]) throws {
        let selection = try FileSelection(layout: layout, patterns: patterns)
        #expect(selection.wanted.indices.filter { selection.wanted[$0] }.map { $0 + 1 } == numbers)
    }

    /// Twins are told apart by who names one; who names neither as it is written finds both.
    @Test(
        arguments: [
            ("é", [1]), ("e\u{301}", [2]), ("d/é", [1]), ("d/e\u{301}", [2]), ("?", [1, 2, 3, 4]), ("\u{fc}", [3]),
            ("\u{1ec7}", [4]),
            ("d/*", [1, 2, 3, 4]),
        ] as [(String, [Int])])
    func equivalentUnicodeNamesAreDistinguished(pattern: String, numbers: [Int]) throws {
        let names = ["é", "e\u{301}", "u\u{308}", "e\u{323}\u{302}"]
        let layout = try #require(FileLayout(files: names.map { FileEntry(path: ["d", $0], length: 1) }))
        let selection = try FileSelection(layout: layout, patterns: [pattern])
        #expect(selection.wanted.indices.filter { selection.wanted[$0] }.map { $0 + 1 } == numbers)
    }

    @Test(arguments: ["0", "7", "2-7", "4-2", "0-1", "99999999999999999999", "1-99999999999999999999"])
    func fileNumbersOutOfRangeAreRejected(pattern: String) {
        #expect(throws: SelectionError.noSuchNumber(pattern: pattern, fileCount: 6)) {
            try FileSelection(layout: layout, patterns: ["1", pattern])
        }
    }

    @Test(arguments: ["*.avi", "", "3", "s3/", "-", "1-", "README.TXT", ".pad/*"])
    func unmatchedPatternIsNamed(pattern: String) {
        #expect(throws: SelectionError.matchesNothing(pattern: pattern)) {
            try FileSelection(layout: layout, patterns: ["1", pattern])
        }
    }

    @Test(
        arguments: [
            (["1"], [0], 10), (["2"], [0, 1, 2], 95), (["4"], [3, 4, 5], 100), (["6"], [], 0),
            (["1", "2"], [0, 1, 2], 105),
            (["4", "5"], [3, 4, 5, 6], 130),
        ] as [([String], [Int], Int64)])
    func selectionDeterminesTheWantedPieces(patterns: [String], pieces: [Int], bytes: Int64) throws {
        let selection = try FileSelection(layout: layout, patterns: patterns)
        #expect(selection.wantedPieces(geometry: geometry).pieces.map(\.value) == pieces)
        #expect(selection.wantedBytes == bytes)
    }

    @Test func padFilesAreNeverWanted() throws {
        let all = FileSelection(all: layout)
        #expect(all.wanted == [true, true, false, true, true, true])
        #expect(all.wantedBytes == 235)
        #expect(FileSelection(layout: layout, wanted: Array(repeating: true, count: 6)) == all)
        #expect(FileSelection(layout: layout, wanted: [true]) == nil)
    }

    /// A piece that is nothing but padding is asked of nobody.
    @Test func paddingPiecesAreNotWanted() throws {
        let layout = try #require(
            FileLayout(files: [
                FileEntry(path: ["a"], length: 10), FileEntry(path: ["p"], length: 30, isPad: true),
                FileEntry(path: ["b"], length: 5),
            ]))
        let geometry = try #require(Geometry(totalBytes: 45, pieceLength: 10))
        #expect(FileSelection(all: layout).wantedPieces(geometry: geometry).pieces.map(\.value) == [0, 4])
    }
}
