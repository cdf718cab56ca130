/// Formats numbers for people.
package enum Format {
    private static let units: [StaticString] = [" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"]
    private static let powersOfTen: [Int64] = [1, 10, 100]

    /// Formats a size with three significant digits: `0 B`, `512 B`, `1.50 KiB`, `23.4 MiB`, `456 GiB`.
    package static func bytes(_ count: Int64) -> String { string { bytes(count, &$0) } }

    /// Writes the text at `place`, where there is room for ``longest``. Returns how many bytes it has.
    package static func bytes(_ count: Int64, to place: UnsafeMutablePointer<UInt8>) -> Int {
        write(to: place) { bytes(count, &$0) }
    }

    private static func bytes(_ count: Int64, _ text: inout PlacedText) {
        guard count >= 0 else {
            text.append("-")
            return bytes(count == .min ? .max : -count, &text)
        }
        var unit = 0
        if count < 1024 {
            text.append(decimal: count)
        } else {
            var value = Double(count)
            while value >= 999.5, unit < units.count - 1 {
                value /= 1024
                unit += 1
            }
            decimal(value, places: value < 9.995 ? 2 : value < 99.95 ? 1 : 0, &text)
        }
        text.append(units[unit])
    }

    package static func rate(_ bytesPerSecond: Int64) -> String { string { rate(bytesPerSecond, &$0) } }

    /// Writes the text like ``bytes(_:to:)``.
    package static func rate(_ bytesPerSecond: Int64, to place: UnsafeMutablePointer<UInt8>) -> Int {
        write(to: place) { rate(bytesPerSecond, &$0) }
    }

    private static func rate(_ bytesPerSecond: Int64, _ text: inout PlacedText) {
        bytes(bytesPerSecond, &text)
        text.append("/s")
    }

    /// Formats a limit in bytes per second; `nil` gives `no limit`.
    package static func limit(_ rate: Int64?) -> String { rate.map { Format.rate($0) } ?? "no limit" }

    /// Formats a percentage as `43.2 %`. The result is `100 %` only if `part` is complete, and `0 %` only if it is
    /// zero.
    package static func percent(_ part: Int64, of whole: Int64) -> String { string { percent(part, of: whole, &$0) } }

    /// Writes the text like ``bytes(_:to:)``.
    package static func percent(_ part: Int64, of whole: Int64, to place: UnsafeMutablePointer<UInt8>) -> Int {
        write(to: place) { percent(part, of: whole, &$0) }
    }

    private static func percent(_ part: Int64, of whole: Int64, _ text: inout PlacedText) {
        guard part < whole else { return text.append("100 %") }
        guard part > 0 else { return text.append("0 %") }
        decimal(min(max(Double(part) / Double(whole) * 100, 0.1), 99.9), places: 1, &text)
        text.append(" %")
    }

    /// Formats a number, rounded to at most two decimals.
    package static func decimal(_ value: Double, places: Int) -> String {
        string { decimal(value, places: places, &$0) }
    }

    private static func decimal(_ value: Double, places: Int, _ text: inout PlacedText) {
        let scale = powersOfTen[min(max(places, 0), powersOfTen.count - 1)]
        let scaled = (value * Double(scale)).rounded()
        guard scaled.isFinite, abs(scaled) < 9e18 else { return text.append("\(value)".utf8) }
        let whole = Int64(scaled)
        if whole < 0, scale > 1 { text.append("-") }
        guard scale > 1 else { return text.append(decimal: whole) }
        text.append(decimal: abs(whole / scale))
        text.append(".")
        let fraction = abs(whole % scale)
        if scale == 100, fraction < 10 { text.append("0") }
        text.append(decimal: fraction)
    }

    /// Formats a duration with its two largest units: `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
    package static func time(_ duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min" + (seconds % 60 == 0 ? "" : " \(seconds % 60) s")
        case ..<86400: return "\(seconds / 3600) h" + (seconds / 60 % 60 == 0 ? "" : " \(seconds / 60 % 60) min")
        default: return "\(seconds / 86400) d" + (seconds / 3600 % 24 == 0 ? "" : " \(seconds / 3600 % 24) h")
        }
    }

    /// Formats a measured time with fractions of a second below one minute: `0.04 s`, `12.3 s`, `3 min 20 s`.
    package static func measured(_ duration: Duration) -> String {
        let seconds = duration / .seconds(1)
        return seconds < 60 ? "\(decimal(seconds, places: seconds < 1 ? 2 : 1)) s" : time(duration)
    }

    /// Formats a number with a comma after every three digits: `41,203`.
    @inlinable package static func count(_ number: some BinaryInteger) -> String { grouped(String(number)) }

    /// Inserts a comma after every three digits.
    @usableFromInline package static func grouped(_ digits: String) -> String {
        var text = ""
        for (place, digit) in digits.reversed().enumerated() {
            if place > 0, place % 3 == 0, digit != "-" { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }

    /// Formats a number and its noun: `1 piece`, `2 pieces`.
    package static func count(_ number: Int, _ noun: String) -> String {
        "\(count(number)) \(noun)\(number == 1 ? "" : "s")"
    }

    /// The most bytes of a size, rate or percentage.
    package static let longest = 48

    private static func string(_ write: (inout PlacedText) -> Void) -> String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: longest) { text in
            let count = text.baseAddress.map { Self.write(to: $0, write) } ?? 0
            return String(decoding: text.prefix(count), as: UTF8.self)
        }
    }

    @inline(__always)
    private static func write(to place: UnsafeMutablePointer<UInt8>, _ write: (inout PlacedText) -> Void) -> Int {
        var text = PlacedText(start: place)
        write(&text)
        return text.count
    }
}

/// Text that is written where there is room for it.
private struct PlacedText {
    let start: UnsafeMutablePointer<UInt8>
    var count = 0

    init(start: UnsafeMutablePointer<UInt8>) { self.start = start }

    mutating func append(_ word: StaticString) {
        (start + count).update(from: word.utf8Start, count: word.utf8CodeUnitCount)
        count += word.utf8CodeUnitCount
    }

    mutating func append(decimal value: Int64) { count += Digits.write(value, to: start + count) }

    mutating func append(_ text: some Sequence<UInt8>) {
        for byte in text {
            (start + count).initialize(to: byte)
            count += 1
        }
    }
}
