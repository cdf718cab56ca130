import Synchronization
import System

/// Text that was made and waits to be printed.
struct KeptText: Sendable {
    private enum Place {
        case array([UInt8])
        case pages(HugePages, Range<Int>)
    }

    private let place: Place

    init(_ text: some Sequence<UInt8>) { place = .array(Array(text)) }

    init(_ text: borrowing TextBuffer) { self.init(text.bytes) }

    fileprivate init(_ pages: HugePages, _ range: Range<Int>) { place = .pages(pages, range) }

    var isEmpty: Bool { withBytes(\.isEmpty) }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        switch place {
        case .array(let bytes): bytes.withUnsafeBytes(body)
        case .pages(let pages, let range): body(UnsafeRawBufferPointer(rebasing: pages.bytes[range]))
        }
    }
}

extension [KeptText] {
    /// All of it as one text.
    var joined: [UInt8] { reduce(into: []) { all, text in text.withBytes { all += $0 } } }
}

/// Keeps the text of a long list: `status --json` of a hundred thousand torrents has 65 MB. Each part of it is made in
/// memory that is used again and again, and is copied to huge pages.
final class TextStore: Sendable {
    private static let chunkPages = 4
    /// Below this, a huge page costs more than it saves.
    private static let shortest = 32 << 10

    private struct Chunk {
        let pages: HugePages
        var used = 0

        var rest: Int { pages.length - used }
    }

    private let chunk = Mutex<Chunk?>(nil)

    func keep(_ text: borrowing TextBuffer) -> KeptText {
        let bytes = UnsafeRawBufferPointer(text.bytes)
        guard bytes.count >= Self.shortest, let (pages, range) = place(bytes.count) else { return KeptText(text) }
        UnsafeMutableRawBufferPointer(rebasing: pages.bytes[range]).copyMemory(from: bytes)
        return KeptText(pages, range)
    }

    /// A place for so many bytes; `nil` where there is no memory of this kind.
    private func place(_ length: Int) -> (pages: HugePages, range: Range<Int>)? {
        guard length <= Self.chunkPages * HugePages.pageLength else { return nil }
        return chunk.withLock { chunk in
            if chunk.map({ $0.rest < length }) ?? true {
                chunk = HugePages(pages: Self.chunkPages).map { Chunk(pages: $0) }
            }
            guard let found = chunk else { return nil }
            chunk?.used += length
            return (found.pages, found.used..<found.used + length)
        }
    }
}
