/// Texts that occur again and again in a long list, and the marks that stand for them until the list is printed: fresh
/// memory costs more time than what is written there. A mark is a byte below the space, which JSON never has.
package struct ShortForms: Sendable {
    /// The number of marks, which begin at 1.
    package static let most = 31
    /// Texts are copied in blocks of this length.
    private static let block = 16
    /// The text without marks is copied in words of this length.
    private static let word = 8
    /// The least length of a part but the last: small enough that it is in a near cache when it is printed.
    package static let partLength = 64 << 10

    private struct Form {
        let start: Int
        let length: Int
    }

    /// The texts one after another, each filled up to whole blocks.
    private var texts: [UInt8] = []
    private var forms: [Form] = []

    package init() {}

    /// Adds the text for the next mark.
    package mutating func append(_ text: [UInt8]) {
        precondition(forms.count < Self.most, "there are no more marks")
        forms.append(Form(start: texts.count, length: text.count))
        texts += text
        texts += repeatElement(0, count: -text.count & (Self.block - 1))
    }

    /// Calls `body` with the whole text in parts: each mark is replaced by its text.
    package func forEachPart(of short: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        // Copies in blocks and words go beyond the end.
        let longest = (forms.map(\.length).max() ?? 0) + Self.block + Self.word
        withUnsafeTemporaryAllocation(byteCount: Self.partLength + longest, alignment: Self.block) { part in
            texts.withUnsafeBytes { texts in
                var taken = 0
                while taken < short.count {
                    let length = expand(short, from: &taken, texts, to: part)
                    body(UnsafeRawBufferPointer(rebasing: part[..<length]))
                }
            }
        }
    }

    /// Moves `taken` on until `part` is full or nothing is left. The result is the length of the part.
    private func expand(
        _ short: UnsafeRawBufferPointer, from taken: inout Int, _ texts: UnsafeRawBufferPointer,
        to part: UnsafeMutableRawBufferPointer
    ) -> Int {
        var made = 0
        while taken < short.count, made < Self.partLength {
            let available = min(Self.word, short.count - taken)
            let bytes =
                available == Self.word
                ? UInt64(littleEndian: short.loadUnaligned(fromByteOffset: taken, as: UInt64.self))
                : Self.lastWord(UnsafeRawBufferPointer(rebasing: short[taken...]))
            part.storeBytes(of: bytes.littleEndian, toByteOffset: made, as: UInt64.self)
            let length = min(available, Self.lengthBeforeMark(bytes))
            taken += length
            made += length
            guard length < available else { continue }
            let form = forms[Int(short[taken]) - 1]
            for offset in stride(from: 0, to: form.length, by: Self.block) {
                let block = texts.loadUnaligned(fromByteOffset: form.start + offset, as: SIMD2<UInt64>.self)
                part.storeBytes(of: block, toByteOffset: made + offset, as: SIMD2<UInt64>.self)
            }
            taken += 1
            made += form.length
        }
        return made
    }

    /// The bytes as a word, the first one lowest, filled up with bytes that are no marks.
    private static func lastWord(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        bytes.reversed().reduce(~0) { $0 << 8 | UInt64($1) }
    }

    /// How many of the lowest bytes are no marks. A borrow may set the top bit of bytes above the first mark.
    private static func lengthBeforeMark(_ bytes: UInt64) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        return ((bytes &- ones &* 0x20) & ~bytes & (ones &* 0x80)).trailingZeroBitCount / 8
    }
}
