import Store
import Torrent

/// Who is told what a verification finds.
protocol VerificationReport: Sendable {
    /// Another process verifies the torrent, and this one waits for what it finds.
    func waits(for torrent: TorrentRow, process: Int32?)
    func verified(_ result: VerificationResult)
    func ended(_ summary: VerificationRun.Summary)
}

/// Only what can't be verified is said, as an error.
struct SilentVerification: VerificationReport {
    func verified(_ result: VerificationResult) {
        switch result.outcome {
        case .offline(let reason): Terminal.shared.complain("\(result.torrent.row.name) is offline: \(reason)")
        case .failed(let reason): Terminal.shared.complain("\(result.torrent.row.name): \(reason)")
        case .verified, .nothingThere, .interrupted: break
        }
    }

    func waits(for torrent: TorrentRow, process: Int32?) {}

    func ended(_ summary: VerificationRun.Summary) {}
}
