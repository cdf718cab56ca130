/// Parts of a line, of which the least important ones are left out on a terminal that is too narrow for all of them.
struct LineParts {
    private struct Part {
        /// Between it and the part before it.
        let gap: String
        let text: String
        let rank: Int
    }

    private var parts: [Part] = []

    /// Appends a part. Those with the highest rank are left out first; an empty one is none.
    mutating func append(_ text: String, rank: Int, gap: String = "  ") {
        if !text.isEmpty { parts.append(Part(gap: gap, text: text, rank: rank)) }
    }

    /// The parts that fit into so many columns, in their order; the most important one in any case.
    func text(width: Int) -> String {
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
