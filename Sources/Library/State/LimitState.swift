package import Store
import Torrent

/// Describes the limits of a running engine for all torrents together.
package struct LimitState {
    package let report: LimitReport

    package init(_ report: LimitReport) { self.report = report }

    /// Returns `nil` if no engine is running, or the running engine hasn't reported its limits yet.
    package init?(_ engine: EngineState, _ connection: Connection) throws(StoreError) {
        guard engine.isRunning, let last = try connection.runs.last(), let report = try connection.runs.lastLimits()
        else { return nil }
        if let since = engine.since, last.heartbeatAt < since { return nil }
        self.report = report
    }

    /// One sentence while the alternative limits hold.
    package var sentence: String? {
        report.alternativeUntil.map {
            "the alternative limits hold until \(Format.moment($0)): download \(Self.text(report.download)), "
                + "upload \(Self.text(report.upload))"
        }
    }

    static func text(_ limit: Int?) -> String { limit.map { Format.rate(Int64($0)) } ?? "unlimited" }
}
