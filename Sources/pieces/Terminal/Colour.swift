import Store

/// The colours of states and problems (ECMA-48, SGR). Nothing else is coloured, so that a colour means something.
package enum Colour: String, Sendable {
    case red = "31"
    case green = "32"
    case yellow = "33"

    /// The text in this colour.
    package func text(_ text: String) -> String { text.isEmpty ? text : "\u{1b}[\(rawValue)m\(text)\u{1b}[m" }
}

extension TorrentState {
    /// Problems are red, work under way is green, and a check that delays it is yellow.
    var colour: Colour? {
        switch self {
        case .error, .offline: .red
        case .downloading, .seeding: .green
        case .checking, .noSpace: .yellow
        case .queued, .metadata, .complete, .paused: nil
        }
    }
}
