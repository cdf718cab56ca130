import Store
import Torrent

/// One JSON object a line; `event` is `torrent`, or at the end `summary`.
struct JSONVerification: VerificationReport {
    func verified(_ result: VerificationResult) {
        Terminal.shared.print(
            bytes: JSONWriter.line { json in
                json.field("event", "torrent")
                json.field("id", result.torrent.row.id.rawValue)
                json.field("info_hash", "\(result.torrent.row.infoHash)")
                json.field("name", result.torrent.row.name)
                json.field("outcome", word(result.outcome))
                json.field("error", reason(result.outcome))
                json.field("pieces_checked", result.checked)
                json.field("pieces_good", result.good)
                json.field("pieces_bad", result.bad)
                json.field("pieces_missing", result.missing)
                json.field("pieces_unreadable", result.unreadable)
                json.field("pieces_adopted", result.adopted)
                json.field("pieces_damaged", result.damaged)
                json.field("pieces_confirmed_before", result.confirmedBefore)
                json.array("files", result.files) { json, file in
                    json.object { json in
                        json.field("index", file.entry.index + 1)
                        json.path("path", "path_bytes", file.entry.displayPath)
                        json.field("state", file.state.rawValue)
                        json.field("pieces_good", file.good)
                        json.field("pieces_bad", file.bad)
                        json.field("pieces_missing", file.missing)
                    }
                }
            })
    }

    func ended(_ summary: VerificationRun.Summary) {
        Terminal.shared.print(
            bytes: JSONWriter.line { json in
                json.field("event", "summary")
                json.field("torrents", summary.torrents)
                json.field("torrents_damaged", summary.damaged)
                json.field("torrents_failed", summary.failed)
                json.field("bytes", summary.bytes)
                json.field("seconds", summary.time / .seconds(1))
                json.field("interrupted", summary.isInterrupted)
            })
    }

    private func word(_ outcome: VerificationResult.Outcome) -> String {
        switch outcome {
        case .verified: "verified"
        case .nothingThere: "nothing there"
        case .interrupted: "interrupted"
        case .failed: "failed"
        }
    }

    private func reason(_ outcome: VerificationResult.Outcome) -> String? {
        if case .failed(let reason) = outcome { reason } else { nil }
    }
}
