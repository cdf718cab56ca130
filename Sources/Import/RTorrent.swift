import Bencode
import Torrent

/// The session of rTorrent: `HASH.torrent` with `HASH.torrent.rtorrent` and `HASH.torrent.libtorrent_resume` beside it,
/// or all three in one file (rtorrent:src/core/download_store.cc, libtorrent:src/torrent/utils/resume.cc).
package enum RTorrent {
    /// Times of files that are no times (resume.cc): not created, not wanted, not trusted, being downloaded.
    private static let specialTimes: ClosedRange<Int64> = -4 ... -1

    /// Reads a session's files of one torrent. `state` is `.rtorrent`, and `resume` is `.libtorrent_resume`; without
    /// them, the .torrent of an old version has both.
    package static func read(_ file: [UInt8], state: [UInt8]?, resume: [UInt8]?) throws(ForeignStateError)
        -> ForeignTorrent
    {
        let limits = Bencode.Limits(depth: 256, nodes: stateLimits.nodes)
        let root: BencodeValue
        do throws(BencodeError) { root = try Bencode.decode(file, limits: limits) } catch {
            throw ForeignStateError("the .torrent is damaged: \(error)")
        }
        var torrent = ForeignTorrent()
        torrent.file = TorrentFile.without(
            ["rtorrent", "libtorrent_resume", "rtorrent_meta_download"], root, in: file)
        if root["rtorrent_meta_download"] != nil {
            // The name of such a file is its info hash, and its torrent is still being fetched.
            torrent.file = nil
        }
        let isMultiFile = root["info"]?["files"] != nil
        read(try part(state, root["rtorrent"], "the .rtorrent file", &torrent), isMultiFile, into: &torrent)
        read(
            resume: try part(resume, root["libtorrent_resume"], "the .libtorrent_resume file", &torrent), into: &torrent
        )
        return torrent
    }

    /// A file beside the .torrent, or its part. A damaged one is left out, because the others are still of use.
    private static func part(
        _ bytes: [UInt8]?, _ embedded: BencodeValue?, _ what: String, _ torrent: inout ForeignTorrent
    ) throws(ForeignStateError) -> BencodeValue? {
        guard let bytes else { return embedded }
        do { return try stateDictionary(bytes, what) } catch {
            torrent.omit("\(error)")
            return nil
        }
    }

    private static func read(_ state: BencodeValue?, _ isMultiFile: Bool, into torrent: inout ForeignTorrent) {
        guard let state else { return torrent.omit("the state of the torrent, which is missing") }
        torrent.isPaused = state["state"]?.number == 0
        // For a torrent of several files this is the folder of the torrent itself.
        if isMultiFile {
            torrent.ownFolder = state["directory"]?.folder
        } else {
            torrent.folder = state["directory"]?.folder
        }
        if let label = state["custom1"]?.content { torrent.add(labels: [decoded(label)]) }
        torrent.addedAt =
            state["timestamp.started"]?.moment ?? state["custom"]?["addtime"]?.moment
        torrent.completedAt = state["timestamp.finished"]?.moment
        torrent.uploadedBytes = state["total_uploaded"]?.byteCount ?? 0
        torrent.downloadedBytes = state["total_downloaded"]?.byteCount ?? 0
        if let name = state["throttle_name"]?.words, name != "NULL" { torrent.omit("the throttle group") }
        if let priority = state["priority"]?.number, priority != 2 { torrent.omit("the priority of the torrent") }
        for key in ["custom2", "custom3", "custom4", "custom5"] as [StaticString] where state[key]?.words != nil {
            torrent.omit("the field \(key)")
        }
        if state["complete"]?.number == 1 { torrent.claim.extent = .everything }
    }

    private static func read(resume: BencodeValue?, into torrent: inout ForeignTorrent) {
        guard let resume else { return }
        var isPrioritized = false
        for (index, file) in (resume["files"]?.list ?? []).enumerated() {
            if file["priority"]?.number == 0 { torrent.wanted[index] = false }
            if file["priority"]?.number == 2 { isPrioritized = true }
            if let time = file["mtime"]?.number, time > 0, !specialTimes.contains(time) {
                torrent.claim.times[index] = time
            }
        }
        if isPrioritized { torrent.omit("priorities of files") }
        readClaim(resume, into: &torrent)
        readTrackers(resume["trackers"]?.dictionary, into: &torrent)
        for entry in resume["peers"]?.list ?? [] where torrent.peers.count < ForeignTorrent.maximumPeers {
            if let bytes = entry["inet"]?.content, let peer = PeerAddress(compact: bytes), peer.port > 0 {
                torrent.peers.append(peer)
            }
        }
    }

    /// Pieces that were written without a sync are as good as missing.
    private static func readClaim(_ resume: BencodeValue, into torrent: inout ForeignTorrent) {
        switch resume["bitfield"]?.kind {
        case .integer(0): torrent.claim.extent = .nothing
        // Any other number is the count of all pieces.
        case .integer: torrent.claim.extent = .everything
        case .string(let bits): torrent.claim.extent = .pieces(Array(bits))
        default: break
        }
        guard case .pieces(var bits) = torrent.claim.extent, var uncertain = resume["uncertain_pieces"]?.content
        else { return }
        while uncertain.count >= 4 {
            let piece = uncertain.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            uncertain = uncertain.dropFirst(4)
            if piece / 8 < bits.count { bits[piece / 8] &= ~(0x80 >> UInt8(piece % 8)) }
        }
        torrent.claim.extent = .pieces(bits)
    }

    /// Trackers that the user added; those of the .torrent that are disabled stay, because rTorrent may enable them.
    private static func readTrackers(_ trackers: BencodeDictionary?, into torrent: inout ForeignTorrent) {
        guard let trackers, let file = torrent.file else { return }
        var own: [[String]] = []
        // A .torrent that can't be read is reported by whoever adds it.
        do throws(MetainfoError) { own = try Metainfo(torrentFile: file).trackers } catch { return }
        var isDisabled = false
        var extra: [[String]] = []
        for entry in trackers.entries {
            let url = String(decoding: entry.key, as: UTF8.self)
            if entry.value["enabled"]?.number == 0, url != "dht://" { isDisabled = true }
            guard entry.value["extra_tracker"]?.number == 1, url != "dht://" else { continue }
            extra.append([url])
        }
        if isDisabled { torrent.omit("that trackers are disabled") }
        if !extra.isEmpty { torrent.trackers = own + extra }
    }

    /// ruTorrent stores a label percent-encoded.
    private static func decoded(_ label: ArraySlice<UInt8>) -> String {
        String(decoding: PercentEncoding.decode(label), as: UTF8.self)
    }
}
