import Bencode
import Testing
import Torrent

struct BencodeFuzzTests {
    @Test(arguments: 0..<200 as Range<UInt64>)
    func encodedValuesDecodeToThemselves(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let value = Self.value(depth: 0, using: &generator)
        let bytes = Bencode.encode(value)
        let decoded = try Bencode.decode(bytes)
        #expect(decoded == value)
        #expect(Bencode.encode(decoded) == bytes)
        #expect(try Bencode.decodePrefix(bytes + [1, 2, 3]).count == bytes.count)
    }

    /// Whatever is read has a canonical form, which says the same and is its own canonical form.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func mutantsDecodeToOneValueOrAreRejected(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed ^ 0xb0b)
        var readCount = 0
        let original = Bencode.encode(Self.value(depth: 0, using: &generator))
        for _ in 0..<50 {
            var mutant = original
            for _ in 0...Int.random(in: 0...3, using: &generator) {
                guard let at = mutant.indices.randomElement(using: &generator) else { break }
                switch Int.random(in: 0...2, using: &generator) {
                case 0: mutant[at] = UInt8.random(in: 0...255, using: &generator)
                case 1: mutant.remove(at: at)
                default: mutant.insert("idle0123456789:-".utf8.randomElement(using: &generator) ?? 0, at: at)
                }
            }
            let value: BencodeValue
            do throws(BencodeError) {
                value = try Bencode.decode(mutant)
            } catch {
                #expect((0...mutant.count).contains(error.offset), "seed \(seed)")
                continue
            }
            readCount += 1
            #expect(value.range.lowerBound == 0 && value.range.upperBound <= mutant.count, "seed \(seed)")
            let canonical = Bencode.encode(value)
            let again = try Bencode.decode(canonical)
            #expect(again == value, "seed \(seed)")
            #expect(Bencode.encode(again) == canonical, "seed \(seed)")
            #expect(again.dictionary?.disputedKeys.isEmpty ?? true, "seed \(seed)")
            // What follows changes nothing.
            #expect(try Bencode.decode(Array(mutant[value.range])) == value, "seed \(seed)")
        }
        #expect(readCount > 0, "no mutant of seed \(seed) is read")
    }

    private static func value(depth: Int, using generator: inout SeededGenerator) -> BencodeValue {
        switch Int.random(in: 0...(depth < 5 ? 5 : 2), using: &generator) {
        case 0:
            return .integer(Int64(truncatingIfNeeded: generator.next()) >> Int64.random(in: 0...63, using: &generator))
        case 1, 2: return .string(bytes(using: &generator))
        case 3:
            return .list(
                (0..<Int.random(in: 0...5, using: &generator)).map { _ in value(depth: depth + 1, using: &generator) })
        default:
            var dictionary = BencodeDictionary()
            for _ in 0..<Int.random(in: 0...6, using: &generator) {
                dictionary[bytes(using: &generator)] = value(depth: depth + 1, using: &generator)
            }
            return .dictionary(dictionary)
        }
    }

    private static func bytes(using generator: inout SeededGenerator) -> [UInt8] {
        (0..<Int.random(in: 0...12, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
}
