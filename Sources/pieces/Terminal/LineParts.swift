/// The parts of a line. On a terminal that is too narrow, the least important parts are left out.
package struct LineParts {
    private struct Part {
        /// The text between this part and the previous one.
        let gap: String
        let text: String
        let rank: Int
    }

    private var parts: [Part] = []

    package init() {}

    /// Appends a part; empty parts are ignored. Parts with the highest rank are left out first.
    package mutating func append(_ text: String, rank: Int, gap: String = "  ") {
        if !text.isEmpty { parts.append(Part(gap: gap, text: text, rank: rank)) }
    }

    /// The parts that fit in `width` columns, in order; the most important part is always kept.
    package func text(width: Int) -> String {
        var kept = parts
        while kept.count > 1, Self.joined(kept).columns > width {
            let highest = kept.map(\.rank).max()
            kept.removeAll { $0.rank == highest }
        }
        return Self.joined(kept)
    }

    private static func joined(_ parts: [Part]) -> String {
        parts.reduce(into: "") { line, part in line += (line.isEmpty ? "" : part.gap) + part.text }
    }
}
