import Synchronization
import System
import Torrent

/// Text that was made and waits to be printed.
package struct KeptText: Sendable {
    private enum Place {
        case array([UInt8])
        case pages(HugePages, Range<Int>)
    }

    private let place: Place
    /// What the marks in it stand for; `nil` if it has none.
    private let forms: ShortForms?

    init(_ text: some Sequence<UInt8>) { self.init(.array(Array(text)), nil) }

    package init(_ json: borrowing JSONWriter) { self.init(.array(Array(json.text.bytes)), json.forms) }

    fileprivate init(_ text: borrowing TextBuffer, _ forms: ShortForms?) {
        self.init(.array(Array(text.bytes)), forms)
    }

    fileprivate init(_ pages: HugePages, _ range: Range<Int>, _ forms: ShortForms?) {
        self.init(.pages(pages, range), forms)
    }

    private init(_ place: Place, _ forms: ShortForms?) {
        self.place = place
        self.forms = forms
    }

    var isEmpty: Bool { withBytes(\.isEmpty) }

    /// Calls `body` with the text in one part or several.
    func forEachPart(_ body: (UnsafeRawBufferPointer) -> Void) {
        withBytes { bytes in
            if let forms { forms.forEachPart(of: bytes, body) } else { body(bytes) }
        }
    }

    private func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        switch place {
        case .array(let bytes): bytes.withUnsafeBytes(body)
        case .pages(let pages, let range): body(UnsafeRawBufferPointer(rebasing: pages.bytes[range]))
        }
    }
}

extension [KeptText] {
    /// All of it as one text.
    package var joined: [UInt8] { reduce(into: []) { all, text in text.forEachPart { all += $0 } } }
}

/// Keeps the text of a long list: that of a hundred thousand torrents has tens of megabytes. Each part of it is made in
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

    func keep(_ json: borrowing JSONWriter) -> KeptText { keep(json.text, json.forms) }

    func keep(_ text: borrowing TextBuffer, _ forms: ShortForms? = nil) -> KeptText {
        let bytes = UnsafeRawBufferPointer(text.bytes)
        guard bytes.count >= Self.shortest, let (pages, range) = place(bytes.count) else {
            return KeptText(text, forms)
        }
        UnsafeMutableRawBufferPointer(rebasing: pages.bytes[range]).copyMemory(from: bytes)
        return KeptText(pages, range, forms)
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
