import Testing

@testable import Bencode

private func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

struct BencodeDecodeTests {
    @Test(arguments: [
        ("i0e", 0), ("i1e", 1), ("i-1e", -1), ("i9223372036854775807e", Int64.max), ("i-9223372036854775808e", .min), ("i10e", 10),
    ])
    func integers(text: String, value: Int64) throws {
        let decoded = try Bencode.decode(ascii(text))
        #expect(decoded.integer == value)
        #expect(Bencode.encode(decoded) == ascii(text))
    }

    @Test(arguments: ["0:", "4:spam", "10:0123456789", "le", "de", "l0:e", "d1:ad1:bi1eee", "li-5el4:spami7eedee"])
    func canonicalDocumentsComeBackByteForByte(text: String) throws {
        #expect(Bencode.encode(try Bencode.decode(ascii(text))) == ascii(text))
    }

    @Test(
        arguments: [
            ("", .truncated, 0), ("i", .truncated, 1), ("i4", .truncated, 2), ("i-", .truncated, 2), ("l", .truncated, 1), ("li1e", .truncated, 4),
            ("d", .truncated, 1), ("d1:a", .truncated, 4), ("d1:ai1e", .truncated, 7), ("4:spa", .truncated, 0), ("4", .truncated, 1),
            ("9223372036854775807:", .truncated, 0), ("l4:spa", .truncated, 1),
            ("i03e", .leadingZero, 0), ("i00e", .leadingZero, 0), ("i-03e", .leadingZero, 0), ("03:abc", .leadingZero, 0), ("l00:e", .leadingZero, 1),
            ("i-0e", .negativeZero, 0), ("li-0ee", .negativeZero, 1),
            ("i9223372036854775808e", .overflow, 0), ("i-9223372036854775809e", .overflow, 0), ("i99999999999999999999999e", .overflow, 0),
            ("9223372036854775808:", .overflow, 0), ("18446744073709551616:a", .overflow, 0),
            ("ie", .unexpectedByte(101), 1), ("i-e", .unexpectedByte(101), 2), ("i+1e", .unexpectedByte(43), 1), ("i1.5e", .unexpectedByte(46), 2),
            ("x", .unexpectedByte(120), 0), (":", .unexpectedByte(58), 0), ("-1:a", .unexpectedByte(45), 0), ("e", .unexpectedByte(101), 0),
            ("di1ei2ee", .unexpectedByte(105), 1), ("d1:ae", .unexpectedByte(101), 4), ("i--1e", .unexpectedByte(45), 2),
            ("d1:bi1e1:ai2ee", .unsortedKeys, 7), ("d1:ai1e1:ai2ee", .duplicateKey, 7), ("d2:aai1e1:ai2ee", .unsortedKeys, 8),
            ("i1ei2e", .trailingBytes, 3), ("de\n", .trailingBytes, 2),
        ] as [(String, BencodeError.Code, Int)])
    func refusedWithOffset(text: String, code: BencodeError.Code, offset: Int) {
        #expect(throws: BencodeError(code, at: offset)) { try Bencode.decode(ascii(text)) }
    }

    @Test func everyPrefixOfADocumentIsTruncated() throws {
        let document = ascii("d1:ali-5el4:spami70eedee3:key5:valuee")
        _ = try Bencode.decode(document)
        for length in 0..<document.count {
            let error = #expect(throws: BencodeError.self) { try Bencode.decode(Array(document[..<length])) }
            #expect(error?.code == .truncated, "cut to \(length) bytes")
        }
    }

    @Test(arguments: [("l", "e"), ("d1:a", "e")])
    func nestingIsLimited(open: String, close: String) throws {
        func nested(_ depth: Int) -> [UInt8] {
            let core = open == "l" ? "" : "de"
            let count = open == "l" ? depth : depth - 1
            return ascii(String(repeating: open, count: count) + core + String(repeating: close, count: count))
        }
        _ = try Bencode.decode(nested(64))
        for depth in [65, 10_000] {
            let error = #expect(throws: BencodeError.self) { try Bencode.decode(nested(depth)) }
            #expect(error?.code == .tooDeep)
        }
        let error = #expect(throws: BencodeError.self) { try Bencode.decode(ascii(String(repeating: open, count: 1_000_000)), strictness: .lenient) }
        #expect(error?.code == .tooDeep)
    }

    @Test func valuesAreCounted() throws {
        let limits = Bencode.Limits(nodes: 4)
        _ = try Bencode.decode(ascii("li1ei2ei3ee"), limits: limits)
        #expect(throws: BencodeError(.tooManyValues, at: 10)) { try Bencode.decode(ascii("li1ei2ei3ei4ee"), limits: limits) }
        #expect(throws: BencodeError(.tooManyValues, at: 16)) { try Bencode.decode(ascii("d1:ad1:ad1:ad1:ai1eeeee"), limits: limits) }
    }

    @Test func lenientTakesUnsortedKeysAndTrailingBytesButNoDuplicates() throws {
        let value = try Bencode.decode(ascii("d1:bi1e1:ai2e1:ci3eetail"), strictness: .lenient)
        #expect(value["a"] == 2)
        #expect(value["b"] == 1)
        #expect(value["c"] == 3)
        #expect(value["d"] == nil)
        #expect(value.dictionary?.entries.map(\.key) == [ascii("b"), ascii("a"), ascii("c")])
        #expect(Bencode.encode(value) == ascii("d1:ai2e1:bi1e1:ci3ee"))
        for text in ["d1:ai1e1:ai2ee", "d1:bi1e1:ai2e1:bi3ee"] {
            let error = #expect(throws: BencodeError.self) { try Bencode.decode(ascii(text), strictness: .lenient) }
            #expect(error?.code == .duplicateKey)
        }
        #expect(throws: BencodeError(.leadingZero, at: 0)) { try Bencode.decode(ascii("i01e"), strictness: .lenient) }
    }

    @Test func prefixTellsWhereTheValueEnds() throws {
        let (value, count) = try Bencode.decodePrefix(ascii("d8:msg_typei1ee") + [0xff, 0x00])
        #expect(value["msg_type"]?.integer == 1)
        #expect(count == 15)
    }

    @Test func valuesKnowTheirRanges() throws {
        let document = ascii("d4:infod6:lengthi42ee4:name4:spame")
        let value = try Bencode.decode(document)
        #expect(value.range == 0..<document.count)
        let info = try #require(value["info"])
        #expect(document[info.range].elementsEqual(ascii("d6:lengthi42ee")))
        #expect(document[try #require(info["length"]).range].elementsEqual(ascii("i42e")))
        #expect(document[try #require(value["name"]?.contentRange)].elementsEqual(ascii("spam")))
        #expect(BencodeValue.text("spam").contentRange == nil)
    }
}

struct BencodeValueTests {
    @Test func accessorsAnswerForTheirTypeAlone() {
        let values: [BencodeValue] = [1, "text", [1, 2], ["a": 1]]
        #expect(values.map { $0.integer != nil } == [true, false, false, false])
        #expect(values.map { $0.bytes != nil } == [false, true, false, false])
        #expect(values.map { $0.text != nil } == [false, true, false, false])
        #expect(values.map { $0.list != nil } == [false, false, true, false])
        #expect(values.map { $0.dictionary != nil } == [false, false, false, true])
        #expect(values.map { $0["a"] != nil } == [false, false, false, true])
        #expect(BencodeValue.string([0xff]).text == nil)
        #expect(BencodeValue.string([0xff]).bytes == [0xff])
    }

    @Test func encodingSortsKeysAsRawBytes() {
        var dictionary = BencodeDictionary()
        dictionary["b"] = 1
        dictionary[[0xff]] = 2
        dictionary["B"] = 3
        dictionary["ba"] = 4
        dictionary["gone"] = 5
        dictionary["gone"] = nil
        dictionary["b"] = 6
        #expect(dictionary.count == 4)
        #expect(Bencode.encode(.dictionary(dictionary)) == ascii("d1:Bi3e1:bi6e2:bai4e1:") + [0xff] + ascii("i2ee"))
    }

    @Test func equalityForgetsOrderAndPlace() throws {
        let decoded = try Bencode.decode(ascii("d1:bi1e1:ai2ee"), strictness: .lenient)
        #expect(decoded == ["a": 2, "b": 1])
        #expect(decoded.hashValue == (["a": 2, "b": 1] as BencodeValue).hashValue)
        #expect(decoded != ["a": 2, "b": 2])
    }

    @Test func errorsAreSentences() {
        #expect(BencodeError(.leadingZero, at: 17).description == "not valid bencode at byte 17: a number begins with a superfluous 0")
    }
}
