/// A field line of an HTTP head, read leniently.
enum HTTPField {
    /// The name in lower case, and the value; `nil` for a line that isn't a field.
    static func read(_ line: [UInt8]) -> (name: String, value: ArraySlice<UInt8>)? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        return (text(line[..<colon]).lowercased(), line[(colon + 1)...])
    }

    /// The bytes without blanks around them.
    static func text(_ bytes: ArraySlice<UInt8>) -> String {
        guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    /// The length that `Content-Length` fields give; `nil` if there is none, or if they differ.
    static func length(_ values: [String]) -> Int64? {
        let lengths = values.flatMap { $0.split(separator: ",") }.map {
            Int64($0.drop { $0 == " " }.prefix { $0 != " " }) ?? -1
        }
        guard let first = lengths.first, first >= 0, lengths.allSatisfy({ $0 == first }) else { return nil }
        return first
    }
}
