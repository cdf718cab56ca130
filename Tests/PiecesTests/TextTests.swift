import Library
import Testing
import Torrent
import pieces

/// Numbers and text as people read and write them.
struct TextTests {
    @Test(
        arguments: [
            (0, "0 B"), (1, "1 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (1536, "1.50 KiB"), (10_235, "10.0 KiB"),
            (102_400, "100 KiB"),
            (1_023_488, "0.98 MiB"), (1 << 20, "1.00 MiB"), (23_400_000, "22.3 MiB"), (1 << 40, "1.00 TiB"),
            (Int64.max, "8.00 EiB"),
            (-1024, "-1.00 KiB"),
            (Int64.min, "-8.00 EiB"),
        ] as [(Int64, String)])
    func byteCountsAreFormatted(count: Int64, text: String) { #expect(Format.bytes(count) == text) }

    @Test(
        arguments: [
            (0, 10, "0 %"), (10, 10, "100 %"), (1, 1_000_000, "0.1 %"), (999_999, 1_000_000, "99.9 %"),
            (1, 3, "33.3 %"), (0, 0, "100 %"),
            (5, 2, "100 %"),
        ] as [(Int64, Int64, String)])
    func percentagesAreFormatted(part: Int64, whole: Int64, text: String) {
        #expect(Format.percent(part, of: whole) == text)
    }

    @Test(
        arguments: [
            (0, "0 s"), (59, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 5 min"),
            (86400, "1 d"), (273_600, "3 d 4 h"),
            (-5, "0 s"),
        ] as [(Int64, String)])
    func durationsAreFormatted(seconds: Int64, text: String) { #expect(Format.time(.seconds(seconds)) == text) }

    @Test(arguments: [
        (0, "0"), (999, "999"), (1000, "1,000"), (41_203, "41,203"), (1_234_567, "1,234,567"), (-1000, "-1,000"),
    ])
    func countsAreFormatted(number: Int, text: String) { #expect(Format.count(number) == text) }

    @Test(
        arguments: [
            ("0", 0), ("1", 1), ("1K", 1024), ("1kb", 1000), ("1.5MiB", 1_572_864), ("2G", 2 << 30), ("0.25k", 256),
            ("1.0000001M", 1 << 20),
            ("", nil),
            ("K", nil), ("-1", nil), ("+1", nil), ("1.", nil), (".5", nil), ("1.2.3", nil), ("1 K", nil), ("1e3", nil),
            ("9223372036854775807", Int64.max),
            ("9223372036854775808", nil), ("99999999T", nil), ("٣", nil), ("0x10", nil),
        ] as [(String, Int64?)])
    func quantitiesAreParsed(text: String, bytes: Int64?) { #expect(Quantity.bytes(text) == bytes) }

    @Test(
        arguments: [
            ("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86400), ("1h30m", 5400), ("", nil), ("5", nil), ("h", nil),
            ("1x", nil), ("-1s", nil),
            ("9223372036854775807w", nil),
        ] as [(String, Int64?)])
    func timeSpansAreParsed(text: String, seconds: Int64?) throws {
        guard let seconds else {
            #expect(throws: BadValue.self) { try TimeSpan.parse(text) }
            return
        }
        #expect(try TimeSpan.parse(text) == .seconds(seconds))
    }

    @Test(arguments: [
        ("plain", "plain"), ("ü 漢字", "ü 漢字"), ("\u{1b}[31mred", ".[31mred"), ("a\u{202e}b", "a.b"),
        ("line\nline", "line.line"), ("\u{9b}2J", ".2J"),
        ("\u{7f}", "."),
    ])
    func controlCharactersAreReplaced(text: String, safe: String) { #expect(text.printable == safe) }

    @Test(arguments: [("abcdef", 4, "abc…"), ("abc", 3, "abc"), ("漢字漢字", 5, "漢字…"), ("abc", 0, ""), ("", 3, "")])
    func textIsCutToItsWidth(text: String, width: Int, cut: String) {
        #expect(text.fitted(width) == cut)
        #expect(text.fitted(width).columns <= width)
    }

    @Test(arguments: 1...40)
    func pieceMapsShowEveryPiece(width: Int) {
        var have = Bitfield(count: 37)
        #expect(PieceMap.text(have, width: width, unicode: false) == String(repeating: " ", count: min(width, 37)))
        have.insert(PieceIndex(36))
        #expect(PieceMap.text(have, width: width, unicode: false).last != " ")
        #expect(
            PieceMap.text(Bitfield(fullCount: 37), width: width, unicode: false)
                == String(repeating: "#", count: min(width, 37)))
    }

    @Test(arguments: [0, 1, 49, 50, 99, 100])
    func barsHaveTheRequestedWidth(percent: Int64) {
        for unicode in [false, true] { #expect(Bar.text(percent, of: 100, width: 20, unicode: unicode).columns == 20) }
    }

    @Test func tablesFitTheirWidth() {
        var table = Table([.right("ID"), .left("NAME"), .left("STATE")], flexible: 1)
        table.add(["1", String(repeating: "long ", count: 20), "queued"])
        table.add(["20", "short", ""])
        let lines = table.text(width: 40).split(separator: "\n")
        #expect(lines.map(\.count).max() == 40)
        #expect(lines[2] == "20  short")
    }

    /// Tables that are made in parts are the same as those made at once.
    @Test(arguments: [nil, 20, 34, 60]) func appendedTablesAreOne(width: Int?) {
        let rows = (0..<40).map { n in
            ["\(n * n * n)", ["漢字", "é", "plain \(n)", ""][n % 4], n > 30 ? "\u{1b}[31mlate\u{1b}[0m" : ""]
        }
        func table(_ rows: some Sequence<[String]>) -> Table {
            var table = Table([.right("ID"), .left("NAME"), .left("STATE")], flexible: 1, droppable: [2])
            for row in rows { table.add(row) }
            return table
        }
        for cuts in [[0, 40], [0, 0, 13, 40], [0, 1, 2, 35, 40]] {
            var whole = table([])
            for (start, end) in zip(cuts, cuts.dropFirst()) { whole.append(table(rows[start..<end]).part) }
            let (text, expected) = (whole.text(width: width), table(rows).text(width: width))
            #expect(text == expected)
        }
    }

    @Test func tablesAlignWideTextAndCutLongText() {
        var table = Table([.left("NAME"), .right("SIZE"), .left("")], flexible: 0)
        table.cell("漢字漢字漢字")
        table.cell(size: 1536)
        table.cell(size: nil)
        table.add(["é", "", "x"])
        #expect(
            table.text(width: nil) == """
                NAME              SIZE
                漢字漢字漢字  1.50 KiB
                é                       x

                """)
        #expect(
            table.text(width: 21) == """
                NAME          SIZE
                漢字漢…   1.50 KiB
                é                   x

                """)
    }

    /// The text of short tables is kept as it is; that of long ones goes to large memory, a part or several to a piece.
    @Test(arguments: [1, 3, 2000, 300_000]) func longTablesAreWhole(rows: Int) {
        let columns: [Table.Column] = [.right("ID"), .left("NAME"), .right("SIZE")]
        var table = Table(columns, flexible: 1)
        var expected = "    ID  NAME       SIZE\n"
        for part in 0..<3 {
            var piece = Table(columns, flexible: 1)
            for row in 100_000..<100_000 + rows {
                piece.add(["\(row)", "name \(part) \(row % 10)", "\(row % 7) KiB"])
                expected += "\(row)  name \(part) \(row % 10)  \(row % 7) KiB\n"
            }
            table.append(piece.part)
        }
        let text = table.text(width: nil)
        // The texts of a failure would be long.
        let isWhole = text == expected
        #expect(isWhole, "\(text.prefix(200))")
    }

    /// Digits that are written straight into bytes are those that the standard library writes.
    @Test func integersAreWrittenInDecimal() {
        var numbers: [Int64] = [.min, .max, 0, -1, -10, 9_999, 10_000, 10_001]
        var power: Int64 = 1
        for _ in 0..<18 {
            power *= 10
            numbers += [power - 1, power, power + 1, -power, 3 * power, 12 * (power / 10)]
        }
        var generator = SeededGenerator(seed: 1)
        for bits in 0..<63 {
            for _ in 0..<50 { numbers.append(.random(in: -1 << Int64(bits)...1 << Int64(bits), using: &generator)) }
        }
        for number in numbers {
            var text = TextBuffer(capacity: 1)
            text.append("x")
            text.append(decimal: number)
            text.append(decimal: 5)
            let written = String(decoding: text.bytes, as: UTF8.self)
            #expect(written == "x\(number)5")
        }
    }

    @Test(
        arguments: [
            (0, "0.0"), (1, "1.0"), (0.5, "0.5"), (1.0 / 3, "0.333333"), (0.000_001, "1e-06"), (0.999_999_9, "1.0"),
            (-2.5, "-2.5"), (.nan, "null"),
            (.infinity, "null"),
        ] as [(Double, String)])
    func jsonFractionsAreFormatted(number: Double, text: String) {
        let bytes = JSONWriter.line { $0.field("n", number) }
        #expect(String(decoding: bytes, as: UTF8.self) == "{\"n\":\(text)}\n")
    }

    @Test func jsonWritesEveryKindOfValue() {
        let bytes = JSONWriter.line { json in
            json.field("least", Int64.min)
            json.field("most", UInt64.max)
            json.field("none", Int?.none)
            json.array("list") { json in
                json.string("a")
                json.object { $0.field("yes", true) }
            }
            json.field("last", UInt8(7))
        }
        let expected =
            #"{"least":-9223372036854775808,"most":18446744073709551615,"none":null,"list":["a",{"yes":true}],"last":7}"#
            + "\n"
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }

    @Test func jsonStringsAreEscaped() {
        let bytes = JSONWriter.line { json in
            json.field("text", "a\"b\\c\n\u{1b}\u{202e}ü\u{1f600}")
            json.field("nothing", String?.none)
            json.array("list", [1, 2]) { json, _ in json.object { _ in } }
            json.field("share", 1.0 / 3)
        }
        let expected = #"{"text":"a\"b\\c\n\u001b\u202eü😀","nothing":null,"list":[{},{}],"share":0.333333}"# + "\n"
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }
}

/// What is left out of a line where the terminal is narrow.
struct LinePartsTests {
    @Test(
        arguments: [
            (80, "43.2 %  down 1 MiB/s  up 0 B/s  5 peers (2 seeders)  3 min left"),
            (60, "43.2 %  down 1 MiB/s  5 peers (2 seeders)  3 min left"),
            (50, "43.2 %  down 1 MiB/s  5 peers  3 min left"), (40, "43.2 %  down 1 MiB/s  3 min left"),
            (24, "43.2 %  3 min left"), (10, "43.2 %"),
            (0, "43.2 %"),
        ] as [(Int, String)])
    func timeLeftIsDroppedLast(width: Int, text: String) {
        var parts = LineParts()
        parts.append("43.2 %", rank: 0)
        parts.append("down 1 MiB/s", rank: 2)
        parts.append("up 0 B/s", rank: 6)
        parts.append("5 peers", rank: 4)
        parts.append("(2 seeders)", rank: 5, gap: " ")
        parts.append("", rank: 0)
        parts.append("3 min left", rank: 1)
        #expect(parts.text(width: width) == text)
    }

    @Test func tableDropsColumnsBeforeShorteningNames() {
        var table = Table([.right("ID"), .left("NAME"), .left("UP"), .left("LEFT")], flexible: 1, droppable: [2])
        table.add(["1", String(repeating: "n", count: 30), "0 B/s", "3 min"])
        #expect(table.text(width: nil).split(separator: "\n")[0] == "ID  NAME                            UP     LEFT")
        let cut = table.text(width: 42).split(separator: "\n").map(String.init)
        #expect(cut[0].contains("UP") && cut[1].hasSuffix("…  0 B/s  3 min") && cut.allSatisfy { $0.columns <= 42 })
        let narrow = table.text(width: 30).split(separator: "\n").map(String.init)
        #expect(
            narrow[0].hasSuffix("LEFT") && !narrow[0].contains("UP") && narrow[1].hasSuffix("3 min")
                && narrow.allSatisfy { $0.columns <= 30 })
    }
}
