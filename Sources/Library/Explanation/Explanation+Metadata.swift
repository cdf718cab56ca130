import Store
import Torrent

/// Why the metadata of a magnet link isn't here yet.
extension Explanation {
    static func metadata(_ facts: Facts) -> [Cause] {
        let torrent = facts.torrent
        if let error = facts.unusableMetadata ?? (torrent.state == .error ? torrent.error ?? "it stopped" : nil) {
            return [
                Cause(
                    kind: .error, sentence: error.printable,
                    advice: "remove it with `pieces remove \(torrent.id)`, and look for another link or a .torrent file"
                )
            ]
        }
        var causes: [Cause] = []
        if torrent.settings.isPaused {
            causes.append(
                Cause(kind: .paused, sentence: "it is paused", advice: "resume it with `pieces resume \(torrent.id)`"))
        }
        guard facts.engine.isRunning else {
            let progress = facts.metadata.map { offer in
                Cause(
                    kind: .metadata,
                    sentence:
                        "its metadata isn't here yet: \(Format.count(offer.blocks)) of \(Format.count(offer.blockCount, "block")) are here",
                    advice: nil)
            }
            causes.append(
                Cause(
                    kind: .noEngine, sentence: facts.engine.sentence,
                    advice: "start `pieces run`, or `pieces download \(torrent.id)`"))
            return causes + [progress].compactMap(\.self)
        }
        guard causes.isEmpty else { return causes }
        guard facts.live != nil else { return [waiting(facts)] }
        if let offer = facts.metadata, offer.peers > 0 {
            return [Cause(kind: .metadata, sentence: offer.sentence, advice: nil)]
        }
        let connected = facts.live?.peersConnected ?? 0
        let sentence =
            connected == 0
            ? "its metadata (names, sizes and hashes of the files) is not here yet, and no peer is connected"
            : "its metadata is not here yet: \(Format.count(connected, "peer")) connected, but none has it"
        causes.append(
            Cause(
                kind: .metadata, sentence: sentence,
                advice:
                    "wait for a peer that has the whole torrent, or add the .torrent file if you can get it: `pieces add FILE`"
            ))
        return causes + sources(facts)
    }
}
