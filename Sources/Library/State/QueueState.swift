import Store
import Torrent

/// How a running engine uses its slots, and what keeps torrents waiting, in words.
package struct QueueState {
    package let report: SlotReport

    package init(_ report: SlotReport) { self.report = report }

    /// `nil` when no engine runs, or the one that runs hasn't said anything yet.
    package init?(_ engine: EngineState, _ connection: Connection) throws(StoreError) {
        guard engine.isRunning, let last = try connection.lastSlots() else { return nil }
        // An engine that has just begun stands behind the signs of life of the one before.
        if let since = engine.since, last.at < since { return nil }
        report = last.report
    }

    /// One line for each limit that torrents wait for.
    package var sentences: [String] {
        SlotKind.allCases.compactMap { kind in
            let use = report[kind]
            guard use.waiting > 0 else { return nil }
            return
                "\(Format.count(use.waiting)) \(kind == .seed ? "requested by peers" : "queued"): waiting for \(Self.oneOf(use, kind))"
        }
    }

    /// What allows more torrents at once.
    package var advice: String? {
        let options = SlotKind.allCases.filter { report[$0].waiting > 0 }.map { "`--max-\(Self.plural($0))`" }
        guard !options.isEmpty else { return nil }
        return
            "they start automatically as slots become free; to run more at once, start the engine with a higher \(options.joined(separator: " or "))"
    }

    /// `one of 50 download slots`
    static func oneOf(_ use: SlotUse, _ kind: SlotKind) -> String {
        switch use.limit {
        case nil: "a \(kind) slot"
        case 1?: "the only \(kind) slot"
        case let limit?: "one of \(Format.count(limit)) \(kind) slots"
        }
    }

    static func plural(_ kind: SlotKind) -> String {
        switch kind {
        case .download: "downloads"
        case .seed: "seeds"
        case .check: "checks"
        }
    }
}
