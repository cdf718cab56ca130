import Torrent

/// Which names labels may have.
package enum LabelName {
    /// The most bytes of a name.
    package static let maximumBytes = 100
    /// The most labels of one torrent.
    package static let maximumCount = 64

    /// The name without blanks around it; `nil` if it can't be a label's: it is empty, too long, or has a control
    /// character.
    package static func checked(_ text: String) -> String? {
        var name = Substring(text)
        while name.first?.isWhitespace == true { name.removeFirst() }
        while name.last?.isWhitespace == true { name.removeLast() }
        guard (1...maximumBytes).contains(name.utf8.count), String(name) == String(name).printable,
            !PathText.isEscaped(String(name))
        else { return nil }
        return String(name)
    }
}
