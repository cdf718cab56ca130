import Store
import Torrent

/// Explains why a queued torrent hasn't started.
extension Explanation {
    static func waiting(_ facts: Facts) -> Cause {
        if let (kind, use) = facts.awaited {
            let place =
                kind == .download
                ? ", at place \(Format.count(facts.turn)) of \(Format.count(max(use.waiting, facts.turn)))" : ""
            return Cause(
                kind: .queued,
                sentence: "it is waiting for \(QueueState.oneOf(use, kind))\(place)\(holders(facts, use))",
                advice:
                    "it starts automatically when its turn comes; to run more at once, start the engine with a higher "
                    + "`--max-\(QueueState.plural(kind))`, or pause others with `pieces pause`")
        }
        if facts.queue?.report.isOfNamedOnly == true {
            return Cause(
                kind: .queued, sentence: "the running engine works only on the torrents that its command named",
                advice: "when that engine has exited, start `pieces run`, which works on all torrents")
        }
        guard facts.othersDownloading > 0 else {
            return Cause(
                kind: .queued, sentence: "the engine has not started it yet",
                advice: "wait a moment: nothing else keeps it from starting")
        }
        let verb = facts.othersDownloading == 1 ? "is" : "are"
        return Cause(
            kind: .queued,
            sentence:
                "it is waiting for its turn: \(Format.count(facts.othersDownloading, "other torrent")) \(verb) downloading",
            advice: "pause others, or wait")
    }

    private static func holders(_ facts: Facts, _ use: SlotUse) -> String {
        guard !facts.holders.isEmpty else { return "" }
        let names = facts.holders.map(\.printable)
        let others = use.active - names.count
        guard others > 0 else {
            guard let last = names.last, names.count > 1 else { return "; in use by \(names[0])" }
            return "; in use by \(names.dropLast().joined(separator: ", ")) and \(last)"
        }
        return "; in use by \(names.joined(separator: ", ")) and \(Format.count(others, "other"))"
    }
}
