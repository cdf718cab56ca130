import Store
import Torrent
import Verification

/// Prints a line for each torrent, and below it a line for each file that is not good.
struct SpokenVerification: VerificationReport {
    /// The maximum number of files that are listed for a torrent.
    private static let maximumFiles = 100

    func verified(_ result: VerificationResult) {
        let name = result.torrent.row.name.printable
        switch result.outcome {
        case .nothingThere: return
        case .offline(let reason): Terminal.shared.complain("\(name) is offline: \(reason)")
        case .failed(let reason): Terminal.shared.complain("\(name): \(reason)")
        case .verified, .interrupted: break
        }
        guard result.checked + result.confirmedBefore > 0 else { return }
        var lines = ["\(name): \(words(result))"]
        let culprits = result.culprits
        for file in culprits.prefix(Self.maximumFiles) {
            lines.append("  \(file.state.rawValue.padded(7))  \(file.path.printable)\(Self.details(file))")
        }
        if culprits.count > Self.maximumFiles {
            lines.append("  and \(Format.count(culprits.count - Self.maximumFiles, "more file"))")
        }
        for riddle in result.riddles.prefix(Self.maximumFiles) {
            let pieces = Format.count(riddle.count.pieces, "bad piece")
            lines.append("  unknown  \(pieces), shared by \(riddle.names.printable): \(riddle.touch)")
        }
        let sharing = result.files.count { $0.state == .shares }
        if sharing > 0 {
            let others = "\(Format.count(sharing, "other file")) \(sharing == 1 ? "shares" : "share")"
            lines.append("  \(others) a bad piece with these and can't be judged without it")
        }
        Terminal.shared.print(lines.joined(separator: "\n"))
    }

    func waits(for torrent: TorrentRow, process: Int32?) {
        let who = process.map { " (process \($0))" } ?? ""
        Terminal.shared.print("\(torrent.name.printable): another verification\(who) is running; waiting for it")
    }

    func ended(_ summary: VerificationRun.Summary) {
        let work = "verified \(Format.bytes(summary.bytes)) in \(Format.measured(summary.time))"
        let seconds = summary.time / .seconds(1)
        let rate = seconds > 0.1 ? " (\(Format.rate(Int64(Double(summary.bytes) / seconds))))" : ""
        let verdict =
            if summary.isInterrupted {
                "interrupted; the same command resumes it"
            } else if summary.notAdopted > 0 {
                "not added to the database: \(Format.count(summary.notAdopted, "torrent")) with missing or damaged pieces; "
                    + "--adopt adds the good pieces, and the next run downloads the rest"
            } else if summary.damaged > 0 {
                "\(Format.count(summary.damaged, "torrent")) \(summary.damaged == 1 ? "is" : "are") damaged"
                    + (summary.lacksPieces ? "; damaged pieces will be downloaded again on the next run" : "")
                    + (summary.keepsEdits ? "; what another program changed is kept: see `pieces scrub`" : "")
            } else if summary.failed > 0 {
                "\(Format.count(summary.failed, "torrent")) could not be verified"
                    + (summary.offline > 0
                        ? " (\(Format.count(summary.offline)) offline; nothing changed in the database)" : "")
            } else if summary.bytes == 0, summary.wasVerifiedBefore {
                "already verified"
            } else if summary.torrents == 0 {
                "nothing to verify"
            } else {
                "all good"
            }
        Terminal.shared.print("\(work)\(rate): \(verdict)")
    }

    /// What is known about a bad file: how many pieces are bad, and whether the file was changed outside.
    private static func details(_ file: VerificationResult.File) -> String {
        guard file.state == .bad else { return "" }
        // The pieces of a part file aren't counted.
        let pieces =
            file.checked > 0
            ? "\(Format.count(file.blame.pieces)) of \(Format.count(file.checked, "piece"))"
            : Format.count(file.blame.pieces, "piece")
        return switch file.look {
        case .changed: "  (\(pieces), changed outside)"
        case .asLeft: "  (\(pieces), size and time unchanged: rot)"
        case .gone, .unknown: "  (\(pieces))"
        }
    }

    private func words(_ result: VerificationResult) -> String {
        let before =
            result.confirmedBefore > 0 ? "already verified (\(Format.count(result.confirmedBefore, "piece")))" : nil
        if let before, result.checked == 0 { return before }
        var parts: [String] = []
        if result.bad + result.missing + result.unreadable == 0 {
            parts.append("\(result.outcome == .verified ? "all " : "")\(Format.count(result.good, "piece")) good")
        } else {
            parts.append("\(Format.count(result.good)) of \(Format.count(result.checked, "piece")) good")
            for (count, word) in [(result.bad, "bad"), (result.missing, "missing"), (result.unreadable, "unreadable")]
            where count > 0 {
                parts.append("\(Format.count(count)) \(word)")
            }
        }
        if result.adopted > 0 { parts.append("\(Format.count(result.adopted)) adopted") }
        let words = parts.joined(separator: ", ")
        return before.map { "\($0), continuing: \(words)" } ?? words
    }
}
