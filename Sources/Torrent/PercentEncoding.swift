/// The percent-encoding of URIs (RFC 3986 section 2.1).
package enum PercentEncoding {
    /// Decodes `%` and two hexadecimal digits; any other `%` stays as it is.
    package static func decode(_ bytes: some RandomAccessCollection<UInt8>) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = Hex.decode(String(decoding: rest.prefix(2), as: UTF8.self))?.first
            {
                decoded.append(value)
                rest = rest.dropFirst(2)
            } else {
                decoded.append(byte)
            }
        }
        return decoded
    }

    /// Encodes every byte that isn't unreserved (RFC 3986 section 2.3), with upper-case digits.
    static func encode(_ text: String) -> String {
        var encoded: [UInt8] = []
        encode(text.utf8, onto: &encoded)
        return String(decoding: encoded, as: UTF8.self)
    }

    /// Appends the encoding of the bytes, as ``encode(_:)``.
    static func encode(_ bytes: some Sequence<UInt8>, onto encoded: inout [UInt8]) {
        for byte in bytes {
            if isUnreserved(byte) {
                encoded.append(byte)
            } else {
                encoded.append(UInt8(ascii: "%"))
                encoded.append(upperDigit(byte >> 4))
                encoded.append(upperDigit(byte & 15))
            }
        }
    }

    private static func upperDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") - 10 + value
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
