/// A bencoded value and its position in the decoded document.
package struct BencodeValue: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case integer(Int64)
        /// A byte string. The bytes of a decoded string share the document's memory and keep it alive.
        case string(ArraySlice<UInt8>)
        case list([BencodeValue])
        case dictionary(BencodeDictionary)
    }

    package let kind: Kind
    /// The range of the value in the document, including markers; empty for a value that was not decoded. Not part of
    /// equality.
    package let range: Range<Int>

    package init(_ kind: Kind) { self.init(kind, range: 0..<0) }

    init(_ kind: Kind, range: Range<Int>) {
        self.kind = kind
        self.range = range
    }

    package static func integer(_ value: Int64) -> Self { Self(.integer(value)) }
    package static func string(_ bytes: [UInt8]) -> Self { Self(.string(bytes[...])) }
    package static func text(_ text: String) -> Self { .string(Array(text.utf8)) }
    package static func list(_ values: [BencodeValue]) -> Self { Self(.list(values)) }
    package static func dictionary(_ dictionary: BencodeDictionary) -> Self { Self(.dictionary(dictionary)) }

    package static func == (a: Self, b: Self) -> Bool { a.kind == b.kind }
    package func hash(into hasher: inout Hasher) { hasher.combine(kind) }
}

/// The value as one expected type; `nil` for any other type.
extension BencodeValue {
    package var integer: Int64? {
        if case .integer(let value) = kind { value } else { nil }
    }

    /// A copy of the string's bytes.
    package var bytes: [UInt8]? { content.map { Array($0) } }

    /// The string's bytes without a copy.
    package var content: ArraySlice<UInt8>? {
        if case .string(let bytes) = kind { bytes } else { nil }
    }

    /// The string as text; `nil` for another type or invalid UTF-8.
    package var text: String? {
        if case .string(let bytes) = kind { String(validating: bytes, as: UTF8.self) } else { nil }
    }

    package var list: [BencodeValue]? {
        if case .list(let values) = kind { values } else { nil }
    }

    package var dictionary: BencodeDictionary? {
        if case .dictionary(let dictionary) = kind { dictionary } else { nil }
    }

    /// The integer, which may also be written as a string of digits, because programs in untyped languages store
    /// numbers as text.
    ///
    /// Returns `nil` for any other string, and for digits beyond 64 bits.
    package var number: Int64? {
        switch kind {
        case .integer(let value): value
        case .string(let bytes) where bytes.count <= 20: String(validating: bytes, as: UTF8.self).flatMap { Int64($0) }
        default: nil
        }
    }

    /// The string, which may also be written as an integer, because the same programs take a name made of digits for a
    /// number.
    package var characters: ArraySlice<UInt8>? {
        switch kind {
        case .string(let bytes): bytes
        case .integer(let value): Array(String(value).utf8)[...]
        default: nil
        }
    }

    /// The value for an ASCII key; `nil` if the key is missing or this is not a dictionary.
    package subscript(key: StaticString) -> BencodeValue? {
        if case .dictionary(let dictionary) = kind { dictionary[key] } else { nil }
    }

    /// The range of a string's content in the document, without its length and colon; `nil` for any other type.
    package var contentRange: Range<Int>? {
        if case .string(let bytes) = kind, !range.isEmpty {
            range.upperBound - bytes.count..<range.upperBound
        } else {
            nil
        }
    }
}

extension BencodeValue: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    package init(integerLiteral value: Int64) { self.init(.integer(value)) }
    package init(stringLiteral text: String) { self = .text(text) }
    package init(arrayLiteral values: BencodeValue...) { self.init(.list(values)) }
    package init(dictionaryLiteral pairs: (String, BencodeValue)...) {
        var dictionary = BencodeDictionary()
        for (key, value) in pairs { dictionary[Array(key.utf8)] = value }
        self.init(.dictionary(dictionary))
    }
}
