import Store
import Torrent
import Verification

/// Who is told what a verification finds.
protocol VerificationReport: Sendable {
    /// Another process verifies the torrent, and this one waits for what it finds.
    func waits(for torrent: TorrentRow, process: Int32?)
    func verified(_ result: VerificationResult)
    func ended(_ summary: VerificationRun.Summary)
}

extension VerificationReport {
    /// Reports what a verification says, and moves the meter.
    func take(_ event: VerificationEvent, _ meter: Meter) {
        switch event {
        case .waits(let torrent, let process): waits(for: torrent, process: process)
        case .verified(let result): verified(result)
        case .expects, .begins, .read, .unusable: meter.take(event)
        }
    }
}

extension Meter {
    /// Moves on; what keeps a torrent from being verified is said.
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
    /// How a command ends that verified.
    var status: ExitStatus {
        if isInterrupted { return .interrupted }
        if damaged > 0 { return .incomplete }
        return failed > 0 ? .failed : .done
    }
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
