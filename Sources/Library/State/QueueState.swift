package import Store
import Torrent

/// Describes how a running engine uses its slots, and which torrents wait.
package struct QueueState {
    package let report: SlotReport

    package init(_ report: SlotReport) { self.report = report }

    /// Returns `nil` if no engine is running, or the running engine hasn't reported its slots yet.
    package init?(_ engine: EngineState, _ connection: Connection) throws(StoreError) {
        guard engine.isRunning, let last = try connection.runs.lastSlots() else { return nil }
        // The report may still be from the previous engine if this one has just started.
        if let since = engine.since, last.at < since { return nil }
        report = last.report
    }

    /// One sentence for each limit that torrents are waiting for.
    package var sentences: [String] {
        SlotKind.allCases.compactMap { kind in
            let use = report[kind]
            guard use.waiting > 0 else { return nil }
            return
                "\(Format.count(use.waiting)) \(kind == .seed ? "requested by peers" : "queued"): waiting for \(Self.oneOf(use, kind))"
        }
    }

    /// How to allow more torrents at once.
    package var advice: String? {
        let options = SlotKind.allCases.filter { report[$0].waiting > 0 }.map { "`--max-\(Self.plural($0))`" }
        guard !options.isEmpty else { return nil }
        return
            "they start automatically as slots become free; to run more at once, start the engine with a higher \(options.joined(separator: " or "))"
    }

    /// A phrase such as `one of 50 download slots`.
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
