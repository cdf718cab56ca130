import SystemPackage
import Torrent

/// How a piece on the disk differs from the right one.
package struct PieceDifference: Sendable, Hashable {
    /// The first byte that differs, counted from the piece's beginning; `nil` if none does.
    package var first: Int?
    /// How many bytes differ, including those that can't be read.
    package var bytes = 0
    /// How many bits differ in the bytes that could be read.
    package var bits = 0
    /// How many bytes can't be read.
    package var unreadable = 0

    package init() {}

    /// Counts how `found` differs from `right`; both begin at the piece's byte `start`.
    package mutating func compare(_ found: UnsafeRawBufferPointer, with right: UnsafeRawBufferPointer, at start: Int) {
        precondition(found.count == right.count)
        for n in found.indices where found[n] != right[n] {
            if first == nil { first = start + n }
            bytes += 1
            bits += (found[n] ^ right[n]).nonzeroBitCount
        }
    }

    mutating func cannotRead(_ range: Range<Int>) {
        if first == nil { first = range.lowerBound }
        bytes += range.count
        unreadable += range.count
    }
}

/// Reads a piece in small steps where large ones fail.
///
/// A failing disk may take half a minute for each read. So after some failures or some time nothing more is read, and
/// the rest of the piece counts as unreadable.
struct Narrowing {
    /// The most reads that may fail.
    static let mostFailures = 256
    /// The longest time.
    private static let patience = Duration.seconds(60)

    /// The unit that a device is asked for in the end.
    private static let smallest = ScrubFile.alignment
    private static let step = 64 << 10

    let disk: Disk
    let payload: Payload
    var cancel: CancelToken?

    /// The ranges of the piece that can't be read, counted from its beginning. They begin and end at multiples of 4 KiB
    /// of their files, or with the piece.
    func ranges(of piece: PieceIndex) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        forEachPart(of: piece) { range, bytes in
            guard bytes == nil else { return }
            if let last = ranges.last, last.upperBound == range.lowerBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                ranges.append(range)
            }
        }
        return ranges
    }

    func difference(_ piece: PieceIndex, _ right: UnsafeMutableRawBufferPointer) -> PieceDifference {
        var difference = PieceDifference()
        forEachPart(of: piece) { range, bytes in
            if let bytes {
                difference.compare(
                    bytes, with: UnsafeRawBufferPointer(rebasing: right[range]), at: range.lowerBound)
            } else {
                difference.cannotRead(range)
            }
        }
        return difference
    }

    /// Reads the piece part by part. `body` gets the bytes, or `nil` for a part that can't be read: at most 4 KiB, as
    /// long as the limits aren't reached.
    private func forEachPart(of piece: PieceIndex, _ body: (Range<Int>, UnsafeRawBufferPointer?) -> Void) {
        let start = payload.geometry.offset(of: piece)
        let memory: PieceBuffer
        let scratch: PieceBuffer
        do {
            memory = try disk.buffers.take(Self.step)
            scratch = try disk.buffers.take(ScrubFile.longestRead)
        } catch {
            return body(0..<payload.geometry.length(of: piece), nil)
        }
        var source = ScrubSource(disk, payload, scratch: scratch.bytes, isFresh: true)
        var failures = 0
        let end = ContinuousClock.now + Self.patience
        func isOver() -> Bool {
            failures >= Self.mostFailures || cancel?.isCancelled ?? false || failures > 0 && ContinuousClock.now >= end
        }
        func read(_ range: Range<Int>) -> UnsafeRawBufferPointer? {
            guard !isOver() else { return nil }
            let part = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<range.count])
            do {
                try source.read(at: start + Int64(range.lowerBound), into: part)
            } catch {
                failures += 1
                return nil
            }
            return UnsafeRawBufferPointer(part)
        }
        var at = 0
        for segment in payload.layout.segments(offset: start, length: payload.geometry.length(of: piece)) {
            // Steps end at multiples of their length in the file, as the device's blocks do.
            var done = 0
            while done < segment.length {
                let length = Self.length(
                    of: Self.step, at: segment.fileOffset + Int64(done), rest: segment.length - done)
                let large = at + done..<at + done + length
                if let bytes = read(large) {
                    body(large, bytes)
                } else if isOver() {
                    body(large, nil)
                } else {
                    var inner = 0
                    while inner < length {
                        let small = Self.length(
                            of: Self.smallest, at: segment.fileOffset + Int64(done + inner), rest: length - inner)
                        let range = large.lowerBound + inner..<large.lowerBound + inner + small
                        body(range, read(range))
                        inner += small
                    }
                }
                done += length
            }
            at += segment.length
        }
    }

    private static func length(of step: Int, at offset: Int64, rest: Int) -> Int {
        min(rest, step - Int(offset % Int64(step)))
    }
}
