/// Makes bytes from outside safe to quote in messages, so that they can't control a terminal or fill a log.
package enum Printable {
    /// The maximum number of characters that a message quotes.
    package static let maximumQuoted = 200

    /// The text, cut after `limit` characters, with `.` for every control character and `�` for invalid UTF-8.
    package static func text(_ bytes: some Sequence<UInt8>, limit: Int = maximumQuoted) -> String {
        // A UTF-8 character has at most 4 bytes, so the bytes beyond this can't be quoted and aren't decoded.
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
