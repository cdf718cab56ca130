import Library
import Store

extension QueueState {
    /// Writes the `slots` object of `pieces status --json`, which the command's help documents.
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
}
