import Store

/// How a running engine uses its slots, and what keeps torrents waiting, in words.
struct QueueState {
    let report: SlotReport

    init(_ report: SlotReport) { self.report = report }

    /// `nil` when no engine runs, or the one that runs hasn't said anything yet.
    init?(_ engine: EngineState, _ connection: Connection) throws(StoreError) {
        guard engine.isRunning, let last = try connection.lastSlots() else { return nil }
        // An engine that has just begun stands behind the signs of life of the one before.
        if let since = engine.since, last.at < since { return nil }
        report = last.report
    }

    /// The object of `pieces status --json`, which the command's help documents.
    func fields(_ json: inout JSONWriter) {
        json.field("named_only", report.isOfNamedOnly)
        json.object("downloads") { Self.fields(of: report.downloads, &$0) }
        json.object("seeds") { Self.fields(of: report.seeds, &$0) }
        json.object("checks") { Self.fields(of: report.checks, &$0) }
    }

    private static func fields(of use: SlotUse, _ json: inout JSONWriter) {
        json.field("limit", use.limit)
        json.field("active", use.active)
        json.field("queued", use.waiting)
    }

    /// One line for each limit that torrents wait for.
    var sentences: [String] {
        SlotKind.allCases.compactMap { kind in
            let use = report[kind]
            guard use.waiting > 0 else { return nil }
            return
                "\(Format.count(use.waiting)) \(kind == .seed ? "requested by peers" : "queued"): waiting for \(Self.oneOf(use, kind))"
        }
    }

    /// What allows more torrents at once.
    var advice: String? {
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
