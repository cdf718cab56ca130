import Import
import Store
import Torrent

/// Explains what the claims of another client are worth.
extension Explanation {
    static func imported(_ facts: Facts) -> [Cause] {
        guard let imported = facts.imported else { return [] }
        let client = ForeignClient(rawValue: imported.client)?.title ?? imported.client.printable
        guard imported.hashedAt != nil else {
            guard facts.torrent.hasMetadata else {
                return [
                    Cause(
                        kind: .unhashed,
                        sentence: "imported from \(client) without its .torrent, so its files aren't known yet",
                        advice: "if you have the .torrent, `pieces add` it")
                ]
            }
            return [
                Cause(
                    kind: .unhashed, sentence: "imported from \(client) and not hashed yet: none of its pieces counts",
                    advice: facts.engine.isRunning && !facts.torrent.settings.isPaused
                        ? nil : "`pieces verify \(facts.torrent.id)` hashes what is there; mount its disk first")
            ]
        }
        guard !facts.torrent.isComplete, imported.wrongPieces + imported.missingPieces > 0 else { return [] }
        var parts: [String] = []
        if imported.wrongPieces > 0 { parts.append("\(Format.count(imported.wrongPieces)) had wrong bytes") }
        if imported.missingPieces > 0 { parts.append("\(Format.count(imported.missingPieces)) were not there") }
        return [
            Cause(
                kind: .claimedWrongly,
                sentence: "of the pieces that \(client) claimed to have, \(parts.joined(separator: " and "))",
                advice: nil)
        ]
    }
}
