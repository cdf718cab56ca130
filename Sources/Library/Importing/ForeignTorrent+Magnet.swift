import Import
import Store
import Torrent

/// A torrent whose .torrent is missing.
extension ForeignTorrent {
    /// What can't be carried over without the metadata, which lists the files.
    var needsMetadata: [String] {
        var phrases: [String] = []
        if unwantedFrom != nil || wanted.values.contains(false) { phrases.append("the selection of files") }
        if !renamed.isEmpty { phrases.append("other names of files") }
        if downloadLimit != nil || uploadLimit != nil || peerLimit != nil { phrases.append("limits") }
        if seedGoal != .standard { phrases.append("the seeding goal") }
        if !peers.isEmpty || !bannedPeers.isEmpty { phrases.append("peers") }
        return phrases
    }

    /// What was transferred until now, and since when.
    var counters: TorrentPast {
        var past = TorrentPast()
        past.downloadedBytes = downloadedBytes
        past.uploadedBytes = uploadedBytes
        past.wastedBytes = wastedBytes
        past.addedAt = addedAt.map { min($0, .now()) }
        past.seedTime = seedTime
        return past
    }
}
