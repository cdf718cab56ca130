import Store
import Torrent

/// A line a torrent, and one below it for each file that is not good.
struct SpokenVerification: VerificationReport {
    /// Files of a torrent that are named.
    private static let maximumFiles = 100

    func verified(_ result: VerificationResult) {
        let name = result.torrent.row.name.printable
        switch result.outcome {
        case .nothingThere: return
        case .failed(let reason): Terminal.shared.complain("\(name): \(reason)")
        case .verified, .interrupted: break
        }
        guard result.checked + result.confirmedBefore > 0 else { return }
        var lines = ["\(name): \(words(result))"]
        let wrong = result.files.filter { $0.state != .good }
        for file in wrong.prefix(Self.maximumFiles) {
            let wrong = Format.count(file.bad + file.missing)
            let counts = file.state == .missing ? "" : "  (\(wrong) of \(Format.count(file.good + file.bad + file.missing, "piece")))"
            lines.append("  \(file.state.rawValue.padded(7))  \(file.entry.displayPath.printable)\(counts)")
        }
        if wrong.count > Self.maximumFiles { lines.append("  and \(Format.count(wrong.count - Self.maximumFiles, "more file"))") }
        Terminal.shared.print(lines.joined(separator: "\n"))
    }

    func ended(_ summary: VerificationRun.Summary) {
        let work = "verified \(Format.bytes(summary.bytes)) in \(Format.measured(summary.time))"
        let seconds = summary.time / .seconds(1)
        let rate = seconds > 0.1 ? " (\(Format.rate(Int64(Double(summary.bytes) / seconds))))" : ""
        let verdict =
            if summary.isInterrupted {
                "interrupted; the same command goes on from there"
            } else if summary.damaged > 0 {
                "something is wrong in \(Format.count(summary.damaged, "torrent")); what is damaged is downloaded again at the next run"
            } else if summary.failed > 0 {
                "\(Format.count(summary.failed, "torrent")) could not be verified"
            } else if summary.torrents == 0 {
                "there was nothing to verify"
            } else {
                "all good"
            }
        Terminal.shared.print("\(work)\(rate): \(verdict)")
    }

    private func words(_ result: VerificationResult) -> String {
        var parts: [String] = []
        if result.bad + result.missing + result.unreadable == 0 {
            parts.append("\(result.outcome == .verified ? "all " : "")\(Format.count(result.good, "piece")) good")
        } else {
            parts.append("\(Format.count(result.good)) of \(Format.count(result.checked, "piece")) good")
            for (count, word) in [(result.bad, "bad"), (result.missing, "missing"), (result.unreadable, "unreadable")] where count > 0 {
                parts.append("\(Format.count(count)) \(word)")
            }
        }
        if result.adopted > 0 { parts.append("\(Format.count(result.adopted)) adopted") }
        if result.confirmedBefore > 0 { parts.append("\(Format.count(result.confirmedBefore)) verified before the interruption") }
        return parts.joined(separator: ", ")
    }
}
