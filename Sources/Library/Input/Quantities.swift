/// Parses a number of bytes in the user's notation: `1048576`, `512K`, `1.5MiB`, `2GB`.
package enum Quantity {
    /// The units by lower-case name. A single letter is binary: `K` = 1024.
    private static let units: [(name: String, bytes: Int64)] = [
        ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("tib", 1 << 40),
        ("kb", 1000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("tb", 1_000_000_000_000),
        ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("t", 1 << 40), ("b", 1),
    ]
    /// The maximum number of decimals that are used.
    private static let decimals = 6

    /// The number of bytes; `nil` unless the text is a number with at most one known unit that fits in 64 bits.
    package static func bytes(_ text: some StringProtocol) -> Int64? {
        let lowered = text.lowercased()
        let unit = units.first { lowered.hasSuffix($0.name) }
        let number = lowered.dropLast(unit?.name.count ?? 0)
        let scale = unit?.bytes ?? 1
        let parts = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = digits(parts[0]) else { return nil }
        let (bytes, overflow) = whole.multipliedReportingOverflow(by: scale)
        guard !overflow else { return nil }
        guard parts.count == 2 else { return bytes }
        guard !parts[1].isEmpty, digits(parts[1].prefix(decimals)) != nil, parts[1].allSatisfy(\.isASCIIDigit) else {
            return nil
        }
        var fraction: Int64 = 0
        var divisor: Int64 = 1
        for digit in parts[1].prefix(decimals) {
            fraction = fraction * 10 + Int64(digit.wholeNumberValue ?? 0)
            divisor *= 10
        }
        // This can't overflow: a fraction has six digits and the largest unit has forty bits.
        let (sum, tooLarge) = bytes.addingReportingOverflow(fraction * scale / divisor)
        return tooLarge ? nil : sum
    }

    package static func digits(_ text: some StringProtocol) -> Int64? {
        // The standard library's parser would also accept a sign.
        guard !text.isEmpty, text.allSatisfy(\.isASCIIDigit) else { return nil }
        return Int64(text)
    }
}

extension Character {
    package var isASCIIDigit: Bool { ("0"..."9").contains(self) && isASCII }
}

/// Why the value of an option or a setting is invalid; the text follows the name of what was given.
package struct BadValue: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

extension Rate {
    package init(_ text: String) throws(BadValue) {
        let bare = text.lowercased().hasSuffix("/s") ? String(text.dropLast(2)) : text
        switch bare.lowercased() {
        case "0", "none", "unlimited": self = .unlimited
        default:
            guard let bytes = Quantity.bytes(bare), bytes > 0 else {
                throw BadValue("give a rate in bytes per second, for example 500K, 2M or 1.5MiB, or `none`")
            }
            self = .bytes(bytes)
        }
    }
}

extension CountLimit {
    package init(_ text: String) throws(BadValue) {
        if ["0", "none"].contains(text.lowercased()) {
            self = .unlimited
        } else if let count = Quantity.digits(text), (1...100_000).contains(count) {
            self = .count(Int(count))
        } else {
            throw BadValue("give a number from 1 to 100000, or `none`")
        }
    }
}

/// Parses a time in the user's notation: `90s`, `30m`, `2h`, `1d`, or a combination such as `1h30m`.
package enum TimeSpan {
    private static let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800]

    package static func parse(_ text: String) throws(BadValue) -> Duration {
        let problem = BadValue("give a time with its unit, for example 90s, 30m, 2h, 1d or 1h30m")
        var total: Int64 = 0
        var number = ""
        for character in text.lowercased() {
            if character.isASCIIDigit {
                number.append(character)
                continue
            }
            guard let unit = units[character], let count = Int64(number) else { throw problem }
            let (seconds, overflow) = count.multipliedReportingOverflow(by: unit)
            let (sum, tooLong) = total.addingReportingOverflow(seconds)
            guard !overflow, !tooLong else { throw problem }
            total = sum
            number = ""
        }
        guard number.isEmpty, !text.isEmpty else { throw problem }
        return .seconds(total)
    }
}
