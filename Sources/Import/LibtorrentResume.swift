import Bencode
import Torrent

/// Resume data of libtorrent, which qBittorrent and Deluge store as well (libtorrent:src/read_resume_data.cpp).
package enum LibtorrentResume {
    /// Reads resume data. `file` is the .torrent beside it, if there is one; otherwise the resume data may have its
    /// `info`.
    package static func read(_ resume: [UInt8], file: [UInt8]?) throws(ForeignStateError) -> ForeignTorrent {
        let root = try stateDictionary(resume, "the resume data")
        return try read(root, in: resume, file: file)
    }

    static func read(_ root: BencodeValue, in bytes: [UInt8], file: [UInt8]?) throws(ForeignStateError)
        -> ForeignTorrent
    {
        if let format = root["file-format"]?.words, format != "libtorrent resume file" {
            throw ForeignStateError("the resume data is of another kind: \(format.prefix(40).description.printable)")
        }
        var torrent = ForeignTorrent()
        torrent.file = file
        if file == nil, let info = root["info"], info.dictionary != nil {
            torrent.file = TorrentFile.only(info: info, in: bytes)
        }
        torrent.infoHash = root["info-hash"]?.infoHash
        torrent.name = root["name"]?.words
        torrent.folder = root["save_path"]?.folder
        readFiles(root, into: &torrent)
        readSettings(root, into: &torrent)
        readHistory(root, into: &torrent)
        readPeers(root, into: &torrent)
        torrent.claim.extent = extent(root)
        if root["unfinished"]?.list?.isEmpty == false { torrent.omit("blocks of incomplete pieces") }
        return torrent
    }

    private static func readFiles(_ root: BencodeValue, into torrent: inout ForeignTorrent) {
        for (index, name) in (root["mapped_files"]?.list ?? []).enumerated() {
            if let path = name.path { torrent.renamed[index] = path }
        }
        for (index, priority) in (root["file_priority"]?.list ?? []).enumerated() where priority.number == 0 {
            torrent.wanted[index] = false
        }
    }

    private static func readSettings(_ root: BencodeValue, into torrent: inout ForeignTorrent) {
        torrent.isPaused = root["paused"]?.flag == true && root["auto_managed"]?.flag != true
        torrent.isSequential = root["sequential_download"]?.flag ?? false
        torrent.downloadLimit = root["download_rate_limit"]?.limit
        torrent.uploadLimit = root["upload_rate_limit"]?.limit
        // libtorrent's own default is the largest number of 24 bits.
        torrent.peerLimit = root["max_connections"]?.count.flatMap { $0 < 1 << 20 ? $0 : nil }
        torrent.trackers = root["trackers"]?.list.map { tiers in
            tiers.map { tier in (tier.list ?? [tier]).compactMap(\.words) }.filter { !$0.isEmpty }
        }
        torrent.webSeeds = root["url-list"].flatMap { value in
            value.list.map { $0.compactMap(\.words) } ?? value.words.map { [$0] }
        }
        if root["super_seeding"]?.flag == true { torrent.omit("super-seeding") }
        if root["httpseeds"]?.list?.isEmpty == false { torrent.omit("web seeds of the old kind (BEP 17)") }
        // 4 is the priority that pieces have by themselves.
        if let priorities = root["piece_priority"]?.content, priorities.contains(where: { $0 > 4 }) {
            torrent.omit("priorities of pieces")
        }
        // Clients have other numbers for the usual priority, so only differences mean something.
        let priorities = (root["file_priority"]?.list ?? []).compactMap(\.number).filter { $0 > 0 }
        if let first = priorities.first, priorities.contains(where: { $0 != first }) {
            torrent.omit("priorities of files")
        }
    }

    private static func readHistory(_ root: BencodeValue, into torrent: inout ForeignTorrent) {
        torrent.downloadedBytes = root["total_downloaded"]?.byteCount ?? 0
        torrent.uploadedBytes = root["total_uploaded"]?.byteCount ?? 0
        torrent.addedAt = root["added_time"]?.moment
        torrent.completedAt = root["completed_time"]?.moment
        torrent.seedTime = root["seeding_time"]?.seconds ?? .zero
    }

    private static func readPeers(_ root: BencodeValue, into torrent: inout ForeignTorrent) {
        torrent.peers = (root["peers"]?.peers(ofBytes: 6) ?? []) + (root["peers6"]?.peers(ofBytes: 18) ?? [])
        torrent.bannedPeers =
            (root["banned_peers"]?.peers(ofBytes: 6) ?? []) + (root["banned_peers6"]?.peers(ofBytes: 18) ?? [])
    }

    /// Version 1 has a byte per piece, whose lowest bit says that it is there; version 2 has a bit per piece.
    private static func extent(_ root: BencodeValue) -> ForeignClaim.Extent {
        guard let pieces = root["pieces"]?.content else { return .unknown }
        guard root["file-version"]?.number ?? 1 < 2 else { return .pieces(Array(pieces)) }
        guard pieces.count <= Geometry.maximumPieceCount else { return .unknown }
        var bits = [UInt8](repeating: 0, count: (pieces.count + 7) / 8)
        for (piece, byte) in pieces.enumerated() where byte & 1 != 0 { bits[piece / 8] |= 0x80 >> UInt8(piece % 8) }
        return .pieces(bits)
    }
}
