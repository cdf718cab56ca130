import Store
import Torrent
import Verification

/// Receives the results of a verification and presents them.
protocol VerificationReport: Sendable {
    /// Another process is verifying the torrent, and this one waits for its results.
    func waits(for torrent: TorrentRow, process: Int32?)
    func verified(_ result: VerificationResult)
    func ended(_ summary: VerificationRun.Summary)
}

extension VerificationReport {
    /// Reports an event of the verification, and updates the meter.
    func take(_ event: VerificationEvent, _ meter: Meter) {
        switch event {
        case .waits(let torrent, let process): waits(for: torrent, process: process)
        case .verified(let result): verified(result)
        case .expects, .begins, .read, .unusable: meter.take(event)
        }
    }
}

extension Meter {
    /// Updates the meter, and reports errors that prevent a torrent from being verified.
    func take(_ event: VerificationEvent) {
        switch event {
        case .expects(let bytes): expect(bytes)
        case .begins(let name): note(name)
        case .read(let bytes): add(bytes)
        case .unusable(let error): Terminal.shared.complain(error.description)
        case .waits, .verified: break
        }
    }
}

extension VerificationRun.Summary {
    /// The exit status of a command that ran the verification.
    var status: ExitStatus {
        if isInterrupted { return .interrupted }
        if damaged > 0 { return .incomplete }
        return failed > 0 ? .failed : .done
    }
}

/// A report that prints only errors.
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
