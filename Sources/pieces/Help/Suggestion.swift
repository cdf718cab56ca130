/// Finds the word that was probably meant.
package enum Suggestion {
    /// What other programs call our commands.
    private static let habits = [
        "ls": "status", "list": "status", "info": "status", "ps": "status", "top": "status", "start": "resume",
        "unpause": "resume", "continue": "resume", "stop": "pause", "rm": "remove", "delete": "remove", "del": "remove",
        "get": "download", "fetch": "download", "seed": "run", "daemon": "run", "check": "verify", "recheck": "verify",
        "why": "explain", "make": "create", "tracker": "trackers", "peer": "peers", "file": "files", "events": "log",
        "db": "database", "diagnose": "doctor", "version": "--version",
    ]

    /// The word that is nearest by edit distance, or that begins with the text; `nil` if none is near.
    package static func nearest(to text: String, in words: [String], habits usesHabits: Bool = false) -> String? {
        let text = text.lowercased()
        if usesHabits, let known = habits[text] { return known }
        let near = words.map { (word: $0, distance: distance(Array(text), Array($0))) }.min {
            $0.distance < $1.distance
        }
        if let near, near.distance <= max(1, text.count / 3) { return near.word }
        guard text.count > 1 else { return nil }
        let beginning = words.filter { $0.hasPrefix(text) }
        return beginning.count == 1 ? beginning[0] : nil
    }

    /// The number of characters to insert, delete, replace or swap with the next one (optimal string alignment).
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var before: [Int] = []
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var least = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { least = min(least, before[j - 1] + 1) }
                row.append(least)
            }
            (before, last) = (last, row)
        }
        return last[b.count]
    }
}
