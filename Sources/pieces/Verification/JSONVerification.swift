import Store
import Torrent
import Verification

/// Prints one JSON object per line. Its `event` is `torrent`, `waiting` while another process verifies the torrent, or
/// `summary` at the end.
struct JSONVerification: VerificationReport {
    func verified(_ result: VerificationResult) {
        Terminal.shared.print(
            bytes: JSONWriter.line { json in
                json.field("event", "torrent")
                json.field("id", result.torrent.row.id.isScratch ? nil : result.torrent.row.id.rawValue)
                json.field("info_hash", result.torrent.row.infoHash)
                json.field("name", result.torrent.row.name)
                json.field("outcome", word(result.outcome))
                json.field("offline", isOffline(result.outcome))
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
                        json.field("index", file.entry.map { $0.index + 1 })
                        json.path("path", "path_bytes", file.path)
                        json.field("state", file.state.rawValue)
                        json.field("pieces_good", file.good)
                        json.field("pieces_bad", file.bad)
                        json.field("pieces_missing", file.missing)
                        json.field("pieces_shared", file.bad + file.missing - file.blame.pieces)
                        json.field("changed_outside", file.look == .changed)
                    }
                }
            })
    }

    func waits(for torrent: TorrentRow, process: Int32?) {
        ChangeJSON.print("waiting", torrent) { $0.field("pid", process) }
    }

    func ended(_ summary: VerificationRun.Summary) {
        Terminal.shared.print(
            bytes: JSONWriter.line { json in
                json.field("event", "summary")
                json.field("torrents", summary.torrents)
                json.field("torrents_damaged", summary.damaged)
                json.field("torrents_failed", summary.failed)
                json.field("torrents_offline", summary.offline)
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
        case .offline, .failed: "failed"
        }
    }

    private func isOffline(_ outcome: VerificationResult.Outcome) -> Bool {
        if case .offline = outcome { true } else { false }
    }

    private func reason(_ outcome: VerificationResult.Outcome) -> String? {
        switch outcome {
        case .offline(let reason), .failed(let reason): reason
        default: nil
        }
    }
}
