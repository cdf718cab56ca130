import Glibc
import Torrent

/// The contents of one file: what is durable, and what was done to it since.
struct FileHistory: Sendable {
    private struct Change: Sendable {
        enum Kind: Sendable {
            case write(offset: Int, bytes: [UInt8])
            case resize(Int)
            case touch
        }

        let number: Int
        let kind: Kind
        let time: Int64
    }

    let owner: Owner
    private var durable: DiskState.File
    /// The oldest time of modification that the disk may still have: a sync of data and size needn't keep a newer one
    /// (fdatasync(2)).
    private var oldestTime: Int64
    /// In the order of their numbers.
    private var changes: [Change] = []

    init(owner: Owner, _ file: DiskState.File = .init(bytes: [], modified: 0)) {
        self.owner = owner
        durable = file
        oldestTime = file.modified
    }

    mutating func write(_ number: Int, offset: Int, bytes: [UInt8], at time: Int64) {
        changes.append(Change(number: number, kind: .write(offset: offset, bytes: bytes), time: time))
    }

    mutating func resize(_ number: Int, length: Int, at time: Int64) {
        changes.append(Change(number: number, kind: .resize(length), time: time))
    }

    mutating func setTime(_ number: Int, at time: Int64) {
        changes.append(Change(number: number, kind: .touch, time: time))
    }

    /// What came before `began` is durable; the time only where the sync keeps it, or with a new size.
    mutating func sync(began: Int, keepsTime: Bool = false) {
        defer { if keepsTime { oldestTime = durable.modified } }
        let synced = changes.prefix { $0.number < began }
        guard let last = synced.last else { return }
        let length = durable.bytes.count
        for change in synced { Self.apply(change, to: &durable.bytes, unit: nil) { _ in true } }
        durable.modified = last.time
        // With a new size the inode is written, and the time with it.
        if durable.bytes.count != length || oldestTime == 0 { oldestTime = last.time }
        changes.removeFirst(synced.count)
    }

    /// Nothing that was done since the last sync gets to the disk.
    mutating func lose() { changes = [] }

    /// What the file is after the cut. `node` tells its decisions from those of others.
    func after(_ cut: Cut, _ node: Node) -> DiskState.File {
        let fate = cut.fate(of: owner)
        let seed = node.number
        let time = modified(cut, fate, seed)
        guard !changes.isEmpty, fate != .lost else { return DiskState.File(bytes: durable.bytes, modified: time) }
        let reached = cut.reached(fate, of: changes.count, seed, -1)
        var bytes = durable.bytes
        if case .torn(let unit) = fate {
            let count = changes.count
            // Far enough for every change; the length is decided on its own.
            let lengths = lengths
            Self.resize(&bytes, to: lengths.max() ?? 0)
            for (n, change) in changes.enumerated() {
                // What a shorter length cut off goes with the length, in one step; pages that are written go each on
                // its own.
                let isWhole = if case .resize = change.kind { true } else { false }
                Self.apply(change, to: &bytes, unit: unit, keepsLength: true) {
                    n < (isWhole ? reached : cut.some(of: count, seed, $0))
                }
            }
            Self.resize(&bytes, to: lengths[reached])
        } else {
            for change in changes.prefix(reached) { Self.apply(change, to: &bytes, unit: nil) { _ in true } }
        }
        return DiskState.File(bytes: bytes, modified: time)
    }

    private func modified(_ cut: Cut, _ fate: Cut.Fate, _ seed: Int) -> Int64 {
        if fate == .kept, cut == .everything { return changes.last?.time ?? durable.modified }
        let times = [durable.modified, oldestTime] + changes.suffix(2).map(\.time)
        // Mostly the inode is written with the data, because blocks were given to it.
        return SeededGenerator.answer(cut.seed, seed, -2, below: 3) > 0
            ? durable.modified : times[SeededGenerator.answer(cut.seed, seed, -3, below: times.count)]
    }

    /// The file's lengths: the durable one, and after each change.
    private var lengths: [Int] {
        var length = durable.bytes.count
        return [length]
            + changes.map { change in
                switch change.kind {
                case .write(let offset, let bytes): length = max(length, offset + bytes.count)
                case .resize(let new): length = new
                case .touch: break
                }
                return length
            }
    }

    /// Applies the change to those units that `isReached` answers.
    private static func apply(
        _ change: Change, to bytes: inout [UInt8], unit: Int?, keepsLength: Bool = false, isReached: (Int) -> Bool
    ) {
        switch change.kind {
        case .write(let offset, let new):
            if bytes.count < offset + new.count { resize(&bytes, to: offset + new.count) }
            forEachUnit(of: offset..<offset + new.count, unit) { unit, range in
                if isReached(unit) {
                    copy(new, from: range.lowerBound - offset, count: range.count, to: &bytes, at: range.lowerBound)
                }
            }
        case .touch: break
        case .resize(let length):
            guard keepsLength else { return resize(&bytes, to: length) }
            guard length < bytes.count else { return }
            forEachUnit(of: length..<bytes.count, unit) { unit, range in
                if isReached(unit) {
                    bytes.withUnsafeMutableBytes { _ = memset($0.baseAddress! + range.lowerBound, 0, range.count) }
                }
            }
        }
    }

    private static func forEachUnit(of range: Range<Int>, _ unit: Int?, _ body: (Int, Range<Int>) -> Void) {
        guard let unit else { return body(0, range) }
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(range.upperBound, (start / unit + 1) * unit)
            body(start / unit, start..<end)
            start = end
        }
    }

    private static func copy(_ source: [UInt8], from start: Int, count: Int, to target: inout [UInt8], at offset: Int) {
        source.withUnsafeBytes { source in
            target.withUnsafeMutableBytes { _ = memcpy($0.baseAddress! + offset, source.baseAddress! + start, count) }
        }
    }

    private static func resize(_ bytes: inout [UInt8], to length: Int) {
        if length < bytes.count {
            bytes.removeLast(bytes.count - length)
        } else if length > bytes.count {
            let old = bytes
            bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
                old.withUnsafeBytes { if let start = $0.baseAddress { memcpy(buffer.baseAddress!, start, $0.count) } }
                memset(buffer.baseAddress! + old.count, 0, length - old.count)
                count = length
            }
        }
    }
}
