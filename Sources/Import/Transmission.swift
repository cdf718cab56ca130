import Bencode
import Torrent

/// The state of Transmission: `resume/HASH.resume` and `torrents/HASH.torrent` (transmission:libtransmission/
/// resume.cc). Keys are in kebab case up to version 4, and in snake case after it.
package enum Transmission {
    /// The suffix of incomplete files on the disk; the resume data doesn't have it.
    package static let incompleteSuffix = ".part"
    private static let peerLength = 6

    /// Reads a `.resume`; `file` is the .torrent of the same name.
    package static func read(_ resume: [UInt8], file: [UInt8]?) throws(ForeignStateError) -> ForeignTorrent {
        let root = try stateDictionary(resume, "the resume file")
        var torrent = ForeignTorrent()
        torrent.file = file
        torrent.incompleteSuffix = incompleteSuffix
        torrent.folder = root["destination"]?.folder
        torrent.currentFolders = [torrent.folder, root["incomplete-dir", "incomplete_dir"]?.folder].compactMap(\.self)
        torrent.isPaused = root["paused"]?.flag ?? false
        torrent.isSequential = root["sequential-download", "sequential_download"]?.flag ?? false
        torrent.add(labels: (root["labels"]?.list ?? []).compactMap(\.words))
        readFiles(root, into: &torrent)
        readLimits(root, into: &torrent)
        torrent.downloadedBytes = root["downloaded"]?.byteCount ?? 0
        torrent.uploadedBytes = root["uploaded"]?.byteCount ?? 0
        torrent.wastedBytes = root["corrupt"]?.byteCount ?? 0
        torrent.addedAt = root["added-date", "added_date"]?.moment
        torrent.completedAt = root["done-date", "done_date"]?.moment
        torrent.seedTime = root["seeding-time-seconds", "seeding_time_seconds"]?.seconds ?? .zero
        torrent.peers = peers(root["peers2"], family: 4) + peers(root["peers2-6", "peers2_6"], family: 6)
        readClaim(root, into: &torrent)
        return torrent
    }

    private static func readFiles(_ root: BencodeValue, into torrent: inout ForeignTorrent) {
        if let name = root["name"]?.path {
            torrent.name = name
            torrent.renamedRoot = name
        }
        for (index, path) in (root["files"]?.list ?? []).enumerated() {
            if let path = path.path { torrent.renamed[index] = path }
        }
        for (index, skipped) in (root["dnd"]?.list ?? []).enumerated() where skipped.flag == true {
            torrent.wanted[index] = false
        }
        if root["priority"]?.list?.contains(where: { $0.number != 0 }) == true { torrent.omit("priorities of files") }
        if let priority = root["bandwidth-priority", "bandwidth_priority"]?.number, priority != 0 {
            torrent.omit("the priority of the torrent")
        }
        if root["group"]?.words != nil { torrent.omit("the bandwidth group") }
    }

    private static func readLimits(_ root: BencodeValue, into torrent: inout ForeignTorrent) {
        torrent.downloadLimit = rate(root["speed-limit-down", "speed_limit_down"])
        torrent.uploadLimit = rate(root["speed-limit-up", "speed_limit_up"])
        torrent.peerLimit = root["max-peers", "max_peers"]?.count
        let ratio = root["ratio-limit", "ratio_limit"]
        switch ratio?["ratio-mode", "ratio_mode"]?.number {
        case 1:
            // A real number is stored as text.
            let text = ratio?["ratio-limit", "ratio_limit"]?.words ?? ""
            if let value = Double(text), value.isFinite, value >= 0, value < 1e6 { torrent.seedGoal = .ratio(value) }
        case 2: torrent.seedGoal = .forever
        default: break
        }
        let idle = root["idle-limit", "idle_limit"]
        if idle?["idle-mode", "idle_mode"]?.number == 1 { torrent.omit("the limit of idle seeding") }
    }

    private static func rate(_ limit: BencodeValue?) -> Int64? {
        guard limit?["use-speed-limit", "use_speed_limit"]?.flag == true else { return nil }
        return limit?["speed-Bps", "speed_Bps"]?.limit ?? limit?["speed-bps", "speed_bps"]?.limit
            ?? limit?["speed"]?.limit.flatMap { $0 < 1 << 50 ? $0 * 1000 : nil }
    }

    /// The records of `tr_pex`: an address, a port in network order and a byte of flags, padded to the size of the
    /// compiler's structure; older versions store the compact form. Both begin with the address.
    private static func peers(_ value: BencodeValue?, family: Int) -> [PeerAddress] {
        guard let bytes = value?.content, !bytes.isEmpty else { return [] }
        // Version 3 writes its structure: a type (4 bytes), 16 bytes for either address, a port, flags, padding.
        let structure = 24
        var peers: [PeerAddress] = []
        if bytes.count.isMultiple(of: structure) {
            var rest = bytes
            while rest.count >= structure, peers.count < ForeignTorrent.maximumPeers {
                let record = Array(rest.prefix(structure))
                rest = rest.dropFirst(structure)
                let type =
                    UInt32(record[0]) | UInt32(record[1]) << 8 | UInt32(record[2]) << 16 | UInt32(record[3]) << 24
                let host = type == 0 ? Array(record[4..<8]) : type == 1 ? Array(record[4..<20]) : []
                guard let peer = PeerAddress(compact: host + record[20..<22]), peer.port > 0 else { continue }
                peers.append(peer)
            }
            if !peers.isEmpty { return peers }
        }
        // Version 4 writes the compact form and a byte of flags.
        let length = (family == 4 ? 4 : 16) + 2
        for size in [length + 1, length] where bytes.count.isMultiple(of: size) {
            var rest = bytes
            while rest.count >= size, peers.count < ForeignTorrent.maximumPeers {
                if let peer = PeerAddress(compact: rest.prefix(length)), peer.port > 0 { peers.append(peer) }
                rest = rest.dropFirst(size)
            }
            return peers
        }
        return []
    }

    private static func readClaim(_ root: BencodeValue, into torrent: inout ForeignTorrent) {
        guard let progress = root["progress"] else { return }
        switch progress["blocks"]?.content.map({ Array($0) }) {
        case Array("all".utf8): torrent.claim.extent = .everything
        case Array("none".utf8): torrent.claim.extent = .nothing
        case let bits?: torrent.claim.extent = .blocks(bits)
        case nil:
            // Before 2.20 there was a bitfield of pieces' blocks, or `have` alone.
            if progress["have"]?.words == "all" {
                torrent.claim.extent = .everything
            } else if let bits = progress["bitfield"]?.content {
                torrent.claim.extent = .blocks(Array(bits))
            }
        }
        let times = progress["mtimes"]?.list ?? progress["time-checked", "time_checked"]?.list ?? []
        for (index, time) in times.enumerated() {
            if let time = time.number, time > 0 { torrent.claim.times[index] = time }
        }
    }
}
