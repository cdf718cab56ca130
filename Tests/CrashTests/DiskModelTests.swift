import CrashLab
import Testing

/// The model keeps the promises of a disk, and no others.
@Suite struct DiskModelTests {
    private static let folder = Node(2)
    private static let file = Node(3)

    /// A folder with a file of 10,000 ones, all of it synced; then `after`, numbered from 10.
    private static func model(_ after: [DiskOperation]) -> DiskModel {
        var model = DiskModel()
        let before: [DiskOperation] = [
            .makeDirectory(folder, named: "d", in: .root, .payload), .makeFile(file, named: "f", in: folder, .payload),
            .write(file, offset: 0, bytes: Array(repeating: 1, count: 10_000), at: 1),
            .syncFile(file, began: 3, .payload),
            .syncDirectory(folder, began: 4, .payload), .syncDirectory(.root, began: 5, .payload),
        ]
        for (number, operation) in before.enumerated() { model.apply(LogEntry(number, operation)) }
        for (number, operation) in after.enumerated() { model.apply(LogEntry(10 + number, operation)) }
        return model
    }

    private static func torn(_ unit: Int, _ seed: Int) -> Cut {
        Cut(seed: UInt64(seed), payload: .torn(unit), database: .torn(unit), names: .stopped)
    }

    /// What may be found of the file over many cuts.
    private static func outcomes<Value: Hashable>(_ model: DiskModel, _ unit: Int = 4096, _ look: (DiskState) -> Value)
        -> Set<Value>
    {
        Set((0..<200).map { look(model.after(torn(unit, $0))) })
    }

    @Test func syncedBytesStay() {
        let model = Self.model([])
        #expect(Self.outcomes(model) { $0.file(["d", "f"])?.bytes } == [Array(repeating: 1, count: 10_000)])
    }

    @Test(arguments: [512, 4096]) func eachUnsyncedPageIsEitherOldOrNew(unit: Int) {
        let model = Self.model([.write(Self.file, offset: 0, bytes: Array(repeating: 2, count: 10_000), at: 2)])
        let units = (10_000 + unit - 1) / unit
        var patterns: Set<[UInt8]> = []
        for seed in 0..<200 {
            let bytes = model.after(Self.torn(unit, seed)).file(["d", "f"])?.bytes ?? []
            #expect(bytes.count == 10_000)
            let firsts = (0..<units).map { bytes[$0 * unit] }
            for n in bytes.indices where bytes[n] != firsts[n / unit] {
                Issue.record("byte \(n) isn't like the others of its unit")
            }
            patterns.insert(firsts)
        }
        #expect(patterns.count > min(8, units) / 2 && patterns.contains { $0.contains(1) && $0.contains(2) })
    }

    /// A page may be what it was between two writes, and never a mixture of the two.
    @Test func anyVersionSinceTheSyncCanAppear() {
        let model = Self.model((2...4).map { .write(Self.file, offset: 0, bytes: [UInt8($0)], at: Int64($0)) })
        #expect(Self.outcomes(model) { $0.file(["d", "f"])?.bytes[0] } == [1, 2, 3, 4])
    }

    @Test func syncCoversOnlyEarlierWrites() {
        let model = Self.model([
            .write(Self.file, offset: 0, bytes: [2], at: 2), .write(Self.file, offset: 0, bytes: [3], at: 3),
            .syncFile(Self.file, began: 11, .payload),
        ])
        #expect(Self.outcomes(model) { $0.file(["d", "f"])?.bytes[0] } == [2, 3])
    }

    @Test func sizeIsEitherOldOrNew() {
        let grown = Self.model([.write(Self.file, offset: 12_000, bytes: [9], at: 2)])
        #expect(Self.outcomes(grown) { $0.file(["d", "f"])?.bytes.count } == [10_000, 12_001])
        // A new size without the new page is a hole.
        #expect(Self.outcomes(grown) { $0.file(["d", "f"])?.bytes.last } == [1, 0, 9])
        let cut = Self.model([.resize(Self.file, length: 5, at: 2)])
        #expect(Self.outcomes(cut) { $0.file(["d", "f"])?.bytes.count } == [10_000, 5])
    }

    /// A log that is made empty, and may come back with holes in it, would be read as an older one.
    @Test(arguments: [512, 4096]) func truncatedBytesDisappearWithTheSize(unit: Int) {
        let cut = Self.model([.resize(Self.file, length: 5, at: 2)])
        #expect(
            Self.outcomes(cut, unit) { $0.file(["d", "f"])?.bytes } == [
                Array(repeating: 1, count: 10_000), Array(repeating: 1, count: 5),
            ])
        let filled = Self.model([.resize(Self.file, length: 0, at: 2), .write(Self.file, offset: 0, bytes: [7], at: 3)])
        let found = Self.outcomes(filled, unit) { $0.file(["d", "f"])?.bytes ?? [] }
        #expect(Set(found.map(\.count)) == [0, 1, 10_000])
        #expect(found.allSatisfy { $0.dropFirst().allSatisfy { $0 == 1 } }, "nothing of the old file is zeros")
    }

    @Test func nameIsDurableOnlyAfterADirectorySync() {
        let new = Node(4)
        let made: [DiskOperation] = [
            .makeFile(new, named: "g", in: Self.folder, .payload), .write(new, offset: 0, bytes: [7], at: 2),
            .syncFile(new, began: 12, .payload),
        ]
        #expect(
            Self.outcomes(Self.model(made)) { $0.file(["d", "g"])?.bytes } == [nil, [7]], "a file's sync keeps no name")
        let synced = made + [.syncDirectory(Self.folder, began: 13, .payload)]
        #expect(Self.outcomes(Self.model(synced)) { $0.file(["d", "g"])?.bytes } == [[7]])
        let removed = synced + [.remove(named: "g", in: Self.folder)]
        #expect(
            Self.outcomes(Self.model(removed)) { $0.file(["d", "g"])?.bytes } == [nil, [7]],
            "a name that went may be back")
    }

    /// It has one of its names, and what it replaces is there until then.
    @Test func renameIsAtomic() {
        let new = Node(4)
        let made: [DiskOperation] = [
            .makeFile(new, named: "g", in: Self.folder, .payload), .write(new, offset: 0, bytes: [7], at: 2),
            .syncFile(new, began: 12, .payload),
            .syncDirectory(Self.folder, began: 13, .payload), .rename(Self.file, from: "f", to: "old", in: Self.folder),
            .rename(new, from: "g", to: "f", in: Self.folder),
        ]
        let found = Self.outcomes(Self.model(made)) { state in
            ["f", "old", "g"].map { state.file(["d", $0])?.bytes.count }
        }
        #expect(found == [[10_000, nil, 1], [nil, 10_000, 1], [1, 10_000, nil]])
        let synced = made + [.syncDirectory(Self.folder, began: 16, .payload)]
        #expect(Self.outcomes(Self.model(synced)) { $0.file(["d", "f"])?.bytes } == [[7]])
    }

    @Test func onlyAFullSyncKeepsTheModificationTime() {
        let times = { (sync: DiskOperation) in
            Self.outcomes(Self.model([.setTime(Self.file, at: 9), sync])) { $0.file(["d", "f"])?.modified }
        }
        #expect(times(.syncFile(Self.file, began: 11, .payload)) == [1, 9])
        #expect(times(.syncWhole(Self.file, began: 11, .payload)) == [9])
    }

    @Test func filesInALostDirectoryAreLost() {
        let (directory, new) = (Node(4), Node(5))
        let model = Self.model([
            .makeDirectory(directory, named: "e", in: Self.folder, .payload),
            .makeFile(new, named: "g", in: directory, .payload),
            .syncFile(new, began: 12, .payload), .syncDirectory(directory, began: 13, .payload),
        ])
        #expect(
            Self.outcomes(model) { $0.node(["d", "e"]) != nil } == [true, false],
            "a directory's sync doesn't keep its own name")
        #expect(Self.outcomes(model) { ($0.node(["d", "e"]) != nil) == ($0.file(["d", "e", "g"]) != nil) } == [true])
    }

    @Test func killLosesNothing() {
        let model = Self.model([
            .write(Self.file, offset: 0, bytes: [2], at: 2), .makeFile(Node(4), named: "g", in: .root, .database),
        ])
        let found = model.after(.everything)
        #expect(found.file(["d", "f"])?.bytes[0] == 2 && found.file(["g"])?.bytes == [])
        #expect(found.file(["d", "f"])?.modified == 2)
        let lost = model.after(.onlySynced)
        #expect(lost.file(["d", "f"])?.bytes[0] == 1 && lost.file(["g"]) == nil)
    }

    @Test func survivorsOfAPowerCutAreDurable() {
        let cut = Cut(seed: 3, payload: .lost, database: .lost, names: .lost)
        let model = Self.model([
            .write(Self.file, offset: 0, bytes: [2], at: 2), .powerCut(cut),
            .write(Self.file, offset: 1, bytes: [3], at: 3),
        ])
        #expect(Self.outcomes(model) { $0.file(["d", "f"])?.bytes.prefix(2) } == [[1, 1], [1, 3]])
    }
}
