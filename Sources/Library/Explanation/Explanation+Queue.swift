import Store
import Torrent

/// Why a queued torrent hasn't started.
extension Explanation {
    static func waiting(_ facts: Facts) -> Cause {
        if let (kind, use) = facts.awaited {
            let place =
                kind == .download
                ? ", at place \(Format.count(facts.turn)) of \(Format.count(max(use.waiting, facts.turn)))" : ""
            return Cause(
                kind: .queued, sentence: "it waits for \(QueueState.oneOf(use, kind))\(place)\(holders(facts, use))",
                advice: "it starts by itself when its turn comes; for more at once start the engine with a higher "
                    + "`--max-\(QueueState.plural(kind))`, or `pieces pause` others")
        }
        if facts.queue?.report.isOfNamedOnly == true {
            return Cause(
                kind: .queued, sentence: "the engine that runs works only on the torrents that its command named",
                advice: "when that has ended, `pieces run` works on all")
        }
        guard facts.othersDownloading > 0 else {
            return Cause(
                kind: .queued, sentence: "the engine has not started it yet",
                advice: "it starts within a moment: nothing else is waited for")
        }
        let verb = facts.othersDownloading == 1 ? "is" : "are"
        return Cause(
            kind: .queued,
            sentence:
                "it waits for its turn: \(Format.count(facts.othersDownloading, "other torrent")) \(verb) downloading",
            advice: "pause others, or wait")
    }

    private static func holders(_ facts: Facts, _ use: SlotUse) -> String {
        guard !facts.holders.isEmpty else { return "" }
        let names = facts.holders.map(\.printable)
        let others = use.active - names.count
        guard others > 0 else {
            guard let last = names.last, names.count > 1 else { return "; it is in use by \(names[0])" }
            return "; they are in use by \(names.dropLast().joined(separator: ", ")) and \(last)"
        }
        return "; they are in use by \(names.joined(separator: ", ")) and \(Format.count(others, "other"))"
    }
}
