/// Reads the part of TOML (toml.io, version 1.0) that settings need: comments, and `name = value` with a number or a
/// text in quotes, one a line. Everything else is an error that names the line.
///
/// Our own, because the library for it (TOMLKit) brings all of Foundation with ICU: 46 MB of the program, and 5 MiB
/// resident in every process.
struct SettingsText {
    struct Line: Hashable, Sendable {
        /// From 1.
        let number: Int
        let name: String
        /// The value without its quotes.
        let value: String
    }

    /// What is wrong, beginning with the line.
    struct Problem: Error, Hashable, CustomStringConvertible {
        let line: Int
        let what: String
        var description: String { "line \(line): \(what)" }
    }

    /// The lines that set something, in their order. A name may stand once.
    static func lines(_ text: String) throws(Problem) -> [Line] {
        var lines: [Line] = []
        var seen: Set<String> = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            var reader = Reader(rest: line[...], line: index + 1)
            guard let (name, value) = try reader.assignment() else { continue }
            guard seen.insert(name).inserted else { throw reader.problem("\(name) is set a second time") }
            lines.append(Line(number: index + 1, name: name, value: value))
        }
        return lines
    }

    /// Reads one line.
    private struct Reader {
        var rest: Substring
        let line: Int

        func problem(_ what: String) -> Problem { Problem(line: line, what: what) }

        /// The name and the value; `nil` for a line without either.
        mutating func assignment() throws(Problem) -> (name: String, value: String)? {
            skipBlanks()
            guard let first = rest.first, first != "#" else { return nil }
            guard first != "[" else {
                throw problem("sections are not used: write each setting as NAME = VALUE in a line of its own")
            }
            let name = "\"'".contains(first) ? try quoted() : bareName()
            skipBlanks()
            guard !name.isEmpty, rest.first == "=" else { throw problem("write each setting as NAME = VALUE") }
            rest.removeFirst()
            skipBlanks()
            let value = try value(of: name)
            skipBlanks()
            guard rest.isEmpty || rest.first == "#" else {
                throw problem("something follows the value of \(name): put text in quotes, and a comment behind #")
            }
            return (name, value)
        }

        private mutating func skipBlanks() { rest = rest.drop { $0 == " " || $0 == "\t" } }

        private mutating func bareName() -> String {
            let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }
            rest = rest.dropFirst(name.count)
            return String(name)
        }

        private mutating func value(of name: String) throws(Problem) -> String {
            guard let first = rest.first, first != "#" else { throw problem("\(name) has no value") }
            if "\"'".contains(first) { return try quoted() }
            let word = rest.prefix { !" \t#".contains($0) }
            rest = rest.dropFirst(word.count)
            let number = word.filter { $0 != "_" }
            guard word.allSatisfy({ $0.isASCII && ($0.isNumber || "+-._eE".contains($0)) }), let value = Double(number),
                value.isFinite
            else {
                throw problem("\(name) must be a number or a text in quotes, such as \(name) = \"…\"")
            }
            return number
        }

        /// A text in single quotes, as it is, or in double quotes, with escapes.
        private mutating func quoted() throws(Problem) -> String {
            let quote = rest.removeFirst()
            var text = ""
            while let character = rest.popFirst() {
                if character == quote { return text }
                guard quote == "\"", character == "\\" else {
                    text.append(character)
                    continue
                }
                text.append(try escape())
            }
            throw problem("the closing quote is missing")
        }

        private mutating func escape() throws(Problem) -> Character {
            switch rest.popFirst() {
            case "\"": return "\""
            case "\\": return "\\"
            case "n": return "\n"
            case "t": return "\t"
            case "r": return "\r"
            case "b": return "\u{8}"
            case "f": return "\u{c}"
            case "u": return try scalar(digits: 4)
            case "U": return try scalar(digits: 8)
            default:
                throw problem(
                    "a backslash in double quotes must be followed by one of \" \\ n t r b f u U: or use single quotes")
            }
        }

        private mutating func scalar(digits count: Int) throws(Problem) -> Character {
            let digits = rest.prefix(count)
            rest = rest.dropFirst(digits.count)
            guard digits.count == count, let number = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(number)
            else {
                throw problem("\\u must be followed by \(count) hexadecimal digits of a character")
            }
            return Character(scalar)
        }
    }
}
