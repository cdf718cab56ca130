/// Finds the known name that a user may have meant.
package enum NearestName {
    /// The most edits between what was typed and what is proposed.
    private static let farthest = 3

    /// The known name that is fewest edits away from `text`; `nil` if none is near.
    package static func of(_ text: String, among names: [String]) -> String? {
        let distances = names.map { ($0, distance(Array(text.utf8), Array($0.utf8))) }
        guard let (name, edits) = distances.min(by: { $0.1 < $1.1 }) else { return nil }
        if edits <= min(farthest, max(1, text.utf8.count / 3)) { return name }
        let longer = names.filter { !text.isEmpty && $0.hasPrefix(text) }
        return longer.count == 1 ? longer[0] : nil
    }

    /// The Levenshtein distance, by one row of its table.
    static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var row = Array(0...other.count)
        for (i, byte) in one.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, second) in other.enumerated() {
                let above = row[j + 1]
                row[j + 1] = byte == second ? diagonal : 1 + min(diagonal, above, row[j])
                diagonal = above
            }
        }
        return row[other.count]
    }
}
