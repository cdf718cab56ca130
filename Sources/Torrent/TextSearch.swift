/// Searches by bytes. The standard library's own searches need its engine for regular expressions, which no room
/// imports (see `rooms` in Package.swift).
extension StringProtocol {
    /// The range of the first place where the bytes of `text` are; `nil` if there is none, or if `text` is empty.
    package func firstRange(ofText text: String) -> Range<Index>? {
        let wanted = text.utf8
        guard let first = wanted.first else { return nil }
        var rest = utf8[...]
        while let start = rest.firstIndex(of: first) {
            rest = rest[start...]
            guard rest.starts(with: wanted) else {
                rest = rest.dropFirst()
                continue
            }
            return start..<rest.index(start, offsetBy: wanted.count)
        }
        return nil
    }

    /// Whether the bytes of `text` are somewhere in this text.
    package func contains(text: String) -> Bool { text.isEmpty || firstRange(ofText: text) != nil }
}
