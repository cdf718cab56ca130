/// Foreign bytes in the sentences of this client: nothing of them may steer a terminal or fill a log.
package enum Printable {
    /// The most characters that a sentence quotes.
    package static let maximumQuoted = 200

    /// The text with every control character and every byte that is not UTF-8 as `.` or `�`, cut at `limit` characters.
    package static func text(_ bytes: some Sequence<UInt8>, limit: Int = maximumQuoted) -> String {
        // A character of UTF-8 has at most 4 bytes, so the rest cannot be quoted and need not be decoded.
        let head = Array(bytes.prefix(limit * 4 + 1))
        let scalars = String(decoding: head, as: UTF8.self).unicodeScalars
        var text = String.UnicodeScalarView()
        for scalar in scalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                text.append(".")
            default: text.append(scalar)
            }
        }
        return String(text) + (scalars.count > limit ? "…" : "")
    }
}
