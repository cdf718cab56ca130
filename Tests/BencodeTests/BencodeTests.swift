import Bencode
import Testing

private func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

struct BencodeDecodeTests {
    @Test(arguments: [
        ("i0e", 0), ("i1e", 1), ("i-1e", -1), ("i9223372036854775807e", Int64.max), ("i-9223372036854775808e", .min),
        ("i10e", 10),
    ])
    func integersRoundTrip(text: String, value: Int64) throws {
        let decoded = try Bencode.decode(ascii(text))
        #expect(decoded.integer == value)
        #expect(Bencode.encode(decoded) == ascii(text))
    }

    @Test(arguments: ["0:", "4:spam", "10:0123456789", "le", "de", "l0:e", "d1:ad1:bi1eee", "li-5el4:spami7eedee"])
    func canonicalDocumentsRoundTripByteForByte(text: String) throws {
        #expect(Bencode.encode(try Bencode.decode(ascii(text))) == ascii(text))
    }

    @Test(
        arguments: [
            ("", .truncated, 0), ("i", .truncated, 1), ("i4", .truncated, 2), ("i-", .truncated, 2),
            ("l", .truncated, 1), ("li1e", .truncated, 4),
            ("d", .truncated, 1), ("d1:a", .truncated, 4), ("d1:ai1e", .truncated, 7), ("4:spa", .truncated, 0),
            ("4", .truncated, 1),
            ("9223372036854775807:", .truncated, 0), ("9223372036854775808:", .truncated, 0),
            ("18446744073709551616:a", .truncated, 0),
            ("l4:spa", .truncated, 1), ("d1:ai1", .truncated, 6),
            ("ie", .unexpectedByte(101), 1), ("i-e", .unexpectedByte(101), 2), ("i+1e", .unexpectedByte(43), 1),
            ("i1.5e", .unexpectedByte(46), 2),
            ("x", .unexpectedByte(120), 0), (":", .unexpectedByte(58), 0), ("-1:a", .unexpectedByte(45), 0),
            ("e", .unexpectedByte(101), 0),
            ("di1ei2ee", .unexpectedByte(105), 1), ("d1:ae", .unexpectedByte(101), 4),
            ("i--1e", .unexpectedByte(45), 2),
            ("l1:a-e", .unexpectedByte(45), 4), ("i 1e", .unexpectedByte(32), 1), ("i1E+9e", .unexpectedByte(69), 2),
        ] as [(String, BencodeError.Code, Int)])
    func invalidDocumentsAreRejectedWithTheirOffset(text: String, code: BencodeError.Code, offset: Int) {
        #expect(throws: BencodeError(code, at: offset)) { try Bencode.decode(ascii(text)) }
    }

    @Test func everyPrefixIsReportedAsTruncated() throws {
        let document = ascii("d1:ali-5el4:spami70eedee3:key5:valuee")
        _ = try Bencode.decode(document)
        for length in 0..<document.count {
            let error = #expect(throws: BencodeError.self) { try Bencode.decode(Array(document[..<length])) }
            #expect(error?.code == .truncated, "cut to \(length) bytes")
        }
    }

    @Test(arguments: [("l", "e"), ("d1:a", "e")])
    func nestingDepthIsLimited(open: String, close: String) throws {
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
        let error = #expect(throws: BencodeError.self) {
            try Bencode.decode(ascii(String(repeating: open, count: 1_000_000)))
        }
        #expect(error?.code == .tooDeep)
    }

    @Test func numberOfValuesIsLimited() throws {
        let limits = Bencode.Limits(nodes: 4)
        _ = try Bencode.decode(ascii("li1ei2ei3ee"), limits: limits)
        #expect(throws: BencodeError(.tooManyValues, at: 10)) {
            try Bencode.decode(ascii("li1ei2ei3ei4ee"), limits: limits)
        }
        #expect(throws: BencodeError(.tooManyValues, at: 16)) {
            try Bencode.decode(ascii("d1:ad1:ad1:ad1:ai1eeeee"), limits: limits)
        }
    }

    /// What isn't canonical and has one reading, with the canonical form of that.
    @Test(
        arguments: [
            ("d1:bi1e1:ai2e1:ci3ee", "d1:ai2e1:bi1e1:ci3ee"), ("d2:aai1e1:ai2ee", "d1:ai2e2:aai1ee"),
            ("i03e", "i3e"), ("i00e", "i0e"), ("i-03e", "i-3e"), ("i-0e", "i0e"), ("li-0ee", "li0ee"),
            ("03:abc", "3:abc"), ("l00:e", "l0:e"),
            ("i9223372036854775808e", "i9223372036854775807e"), ("i-9223372036854775809e", "i-9223372036854775808e"),
            ("i99999999999999999999999e", "i9223372036854775807e"), ("i18446744073709551615e", "i9223372036854775807e"),
            ("de\n", "de"), ("de\r\n", "de"), ("i1ei2e", "i1e"), ("le\0\0\0", "le"), ("dee", "de"),
            ("de\n<!-- 0.01 s -->\n", "de"),
        ])
    func unambiguousForeignFormsAreAccepted(text: String, canonical: String) throws {
        #expect(Bencode.encode(try Bencode.decode(ascii(text))) == ascii(canonical))
    }

    /// The dictionary, what it is read as, and the keys that it says two things under.
    @Test(
        arguments: [
            ("d1:ai1e1:ai1ee", "d1:ai1ee", []), ("d1:ai1e1:ai2ee", "d1:ai1ee", ["a"]),
            ("d1:bi1e1:ai2e1:bi3ee", "d1:ai2e1:bi1ee", ["b"]),
            ("d1:bi1e1:ai2e1:bi01ee", "d1:ai2e1:bi1ee", []), ("d1:a1:x1:ai1e1:a1:x1:b0:e", "d1:a1:x1:b0:e", ["a"]),
            ("d1:ade1:alee", "d1:adee", ["a"]), ("d1:cle1:a0:1:cle1:a1:ze", "d1:a0:1:clee", ["a"]),
            ("d0:i1e0:i2ee", "d0:i1ee", [""]),
        ] as [(String, String, [String])])
    func firstOfEqualKeysWins(text: String, canonical: String, disputed: [String]) throws {
        let value = try Bencode.decode(ascii(text))
        #expect(Bencode.encode(value) == ascii(canonical))
        #expect(value.dictionary?.disputedKeys == Set(disputed.map(ascii)))
        #expect(value == (try Bencode.decode(ascii(canonical))))
    }

    @Test func unsortedKeysKeepTheDocumentOrder() throws {
        let value = try Bencode.decode(ascii("d1:bi1e1:ai2e1:ci3eetail"))
        #expect(value["a"] == 2)
        #expect(value["b"] == 1)
        #expect(value["c"] == 3)
        #expect(value["d"] == nil)
        #expect(value.dictionary?.entries.map { Array($0.key) } == [ascii("b"), ascii("a"), ascii("c")])
        #expect(value.range == 0..<20)
    }

    /// Many keys that repeat, with long values: neither the square of their count nor that of their length.
    @Test func repeatedKeysAreDecodedInLinearTime() throws {
        let count = 100_000
        let long = ascii("1:x\(count):") + [UInt8](repeating: 0x61, count: count)
        let many = (0..<count).flatMap { ascii("1:x1:\($0 % 10)") }
        let value = try Bencode.decode(ascii("d") + long + many + long + ascii("1:ai1ee"))
        #expect(value.dictionary?.count == 2)
        #expect(value["a"] == 1)
        #expect(value["x"]?.bytes?.count == count)
        #expect(value.dictionary?.disputedKeys == [ascii("x")])
    }

    /// Strings and keys cost no memory of their own, however long they are.
    @Test func stringsAreNotCopied() throws {
        let document = ascii("d3:key5:valuee")
        let value = try Bencode.decode(document)
        let entry = try #require(value.dictionary?.entries.first)
        let content = try #require(entry.value.content)
        document.withUnsafeBufferPointer { document in
            for (slice, offset) in [(entry.key, 3), (content, 8)] {
                slice.withUnsafeBufferPointer { #expect($0.baseAddress == document.baseAddress.map { $0 + offset }) }
            }
        }
    }

    @Test func decodingCanStartAtAnOffset() throws {
        let document = ascii("\n d4:infod1:ai1eee")
        let value = try Bencode.decode(document, from: 2)
        #expect(value.range == 2..<document.count)
        #expect(document[try #require(value["info"]).range].elementsEqual(ascii("d1:ai1ee")))
    }

    @Test func decodePrefixReportsTheLengthOfTheValue() throws {
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
    @Test func accessorsReturnNilForOtherTypes() {
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

    @Test func numbersAndNamesAreReadFromIntegersAndStrings() {
        let numbers: [(BencodeValue, Int64?)] = [
            (7, 7), ("7", 7), ("-7", -7), ("007", 7), ("", nil), ("7 ", nil), ("7x", nil), ("9223372036854775808", nil),
            ([7], nil), (["a": 7], nil),
            (.string([0xff]), nil), (.text(String(repeating: "1", count: 1000)), nil),
        ]
        for (value, number) in numbers { #expect(value.number == number, "\(value)") }
        #expect(BencodeValue.integer(2012).characters == ascii("2012")[...])
        #expect(BencodeValue.string([0xff]).characters == [0xff])
        #expect(([2012] as BencodeValue).characters == nil)
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

    @Test func equalityIgnoresKeyOrderAndOffsets() throws {
        let decoded = try Bencode.decode(ascii("d1:bi1e1:ai2ee"))
        #expect(decoded == ["a": 2, "b": 1])
        #expect(decoded.hashValue == (["a": 2, "b": 1] as BencodeValue).hashValue)
        #expect(decoded != ["a": 2, "b": 2])
    }

    @Test func errorsAreSentences() {
        #expect(
            BencodeError(.unexpectedByte(60), at: 17).description
                == "not valid bencode at byte 17: byte 60 is not allowed here")
    }
}
