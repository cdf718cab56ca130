import CPieceHash
import Testing

/// Bytes get to where they wait for their hash: all of them, and no others.
@Suite struct StageTests {
    private static let guardByte: UInt8 = 0xa5

    @Test(arguments: [0, 1, 15, 16, 63, 64, 65, 127, 128, 129, 1000, 16384, 16397])
    func exactlyTheGivenBytesAreCopied(length: Int) {
        let source = (0..<length + 64).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        for (from, to) in [(0, 0), (13, 0), (0, 1), (5, 63), (63, 32), (7, 64)] {
            var target = [UInt8](repeating: Self.guardByte, count: length + 256)
            target.withUnsafeMutableBufferPointer { target in
                source.withUnsafeBufferPointer {
                    piece_hash_stage(target.baseAddress! + 64 + to, $0.baseAddress! + from, length)
                }
            }
            #expect(
                Array(target[(64 + to)..<(64 + to + length)]) == Array(source[from..<from + length]),
                "from \(from) to \(to)")
            #expect(
                target[..<(64 + to)].allSatisfy { $0 == Self.guardByte }
                    && target[(64 + to + length)...].allSatisfy { $0 == Self.guardByte })
        }
    }

    @Test func emptyCopyAcceptsNullPointers() { piece_hash_stage(nil, nil, 0) }
}
