import Store
import Torrent

/// Who is told what a verification finds.
protocol VerificationReport: Sendable {
    func verified(_ result: VerificationResult)
    func ended(_ summary: VerificationRun.Summary)
}

/// Only what can't be verified is said, as an error.
struct SilentVerification: VerificationReport {
    func verified(_ result: VerificationResult) {
        if case .failed(let reason) = result.outcome { Terminal.shared.complain("\(result.torrent.row.name): \(reason)") }
    }

    func ended(_ summary: VerificationRun.Summary) {}
}
