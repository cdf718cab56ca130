import Bencode
package import Torrent

/// The state of qBittorrent: a `.fastresume` and a `.torrent` per torrent (qBittorrent:src/base/bittorrent/
/// bencoderesumedatastorage.cpp), or a row of `torrents.db` (dbresumedatastorage.cpp).
package enum QBittorrent {
    /// The suffix of incomplete files, if the user has asked for it. It is part of the names in the resume data.
    package static let incompleteSuffix = ".!qB"
    /// qBittorrent's number for a ratio or a time without a limit; −2 is as its settings for all torrents say.
    private static let noLimit: Double = -1

    /// Reads a `.fastresume`; `file` is the .torrent beside it.
    package static func read(_ resume: [UInt8], file: [UInt8]?) throws(ForeignStateError) -> ForeignTorrent {
        let root = try stateDictionary(resume, "the resume data")
        var torrent = try LibtorrentResume.read(root, in: resume, file: file)
        let goal = Goal(
            // Older versions wrote the ratio as a number of thousandths, later ones as text.
            ratio: root["qBt-ratioLimit"].flatMap { value in
                value.integer.map { $0 < 0 ? Double($0) / ($0 <= -1000 ? 1000 : 1) : Double($0) / 1000 }
                    ?? value.words.flatMap { Double($0) }
            },
            minutes: root["qBt-seedingTimeLimit"]?.number,
            idleMinutes: root["qBt-inactiveSeedingTimeLimit"]?.number)
        apply(
            Names(
                name: root["qBt-name"]?.words, category: root["qBt-category"]?.words,
                tags: (root["qBt-tags"]?.list ?? []).compactMap(\.words)),
            goal, to: &torrent)
        applyFolders(root["qBt-savePath"]?.folder, root["qBt-downloadPath"]?.folder, to: &torrent)
        noteRest(root, &torrent)
        return torrent
    }

    /// What stands in columns of a row of `torrents`. The columns came one by one, so each may be missing.
    package struct Row: Sendable {
        package var name: String?
        package var category: String?
        /// Separated by commas.
        package var tags: String?
        package var targetSavePath: String?
        package var downloadPath: String?
        /// In thousandths; −2000 and −1000, or −2 and −1, stand for the standard and for none.
        package var ratioLimit: Int64?
        package var seedingMinutes: Int64?
        package var idleMinutes: Int64?
        package var isStopped: Bool?
        package var queuePlace: Int64?
        package var resume: [UInt8] = []
        package var metadata: [UInt8]?
        package var infoHash: InfoHash?

        package init() {}
    }

    package static func read(_ row: Row) throws(ForeignStateError) -> ForeignTorrent {
        let root = try stateDictionary(row.resume, "the resume data")
        var torrent = try LibtorrentResume.read(root, in: row.resume, file: row.metadata)
        torrent.infoHash = torrent.infoHash ?? row.infoHash
        let ratio = row.ratioLimit.map { $0 < 0 ? Double($0) / ($0 <= -1000 ? 1000 : 1) : Double($0) / 1000 }
        apply(
            Names(
                name: row.name, category: row.category,
                tags: (row.tags ?? "").split(separator: ",").map { String($0) }),
            Goal(ratio: ratio, minutes: row.seedingMinutes, idleMinutes: row.idleMinutes), to: &torrent)
        applyFolders(
            row.targetSavePath.flatMap(PathText.folder), row.downloadPath.flatMap(PathText.folder), to: &torrent)
        if let isStopped = row.isStopped { torrent.isPaused = isStopped }
        torrent.queuePlace = row.queuePlace.flatMap { $0 >= 0 ? Int(exactly: $0) : nil }
        return torrent
    }

    /// The info hashes of the file `queue`, in its order.
    package static func queue(_ bytes: [UInt8]) -> [InfoHash] {
        bytes.split { $0 <= 0x20 }.compactMap { InfoHash(hex: String(decoding: $0, as: UTF8.self)) }
    }

    private struct Names {
        let name: String?
        let category: String?
        let tags: [String]
    }

    private struct Goal {
        let ratio: Double?
        let minutes: Int64?
        let idleMinutes: Int64?
    }

    private static func apply(_ names: Names, _ goal: Goal, to torrent: inout ForeignTorrent) {
        if let name = names.name { torrent.name = name }
        torrent.add(labels: [names.category].compactMap(\.self) + names.tags)
        let ratio = goal.ratio.flatMap { $0.isFinite && $0 >= 0 && $0 < 1e6 ? $0 : nil }
        let minutes = goal.minutes.flatMap { (0...1 << 32).contains($0) ? $0 : nil }
        if let ratio {
            torrent.seedGoal = .ratio(ratio)
            if minutes != nil { torrent.omit("the seeding time beside the ratio") }
        } else if let minutes {
            torrent.seedGoal = .time(.seconds(minutes * 60))
        } else if goal.ratio == noLimit, goal.minutes.map({ Double($0) == noLimit }) ?? true {
            torrent.seedGoal = .forever
        }
        if let idle = goal.idleMinutes, idle >= 0 { torrent.omit("the limit of idle seeding") }
    }

    /// libtorrent's own path is where the files are now. An empty save path means that it is also where they stay.
    private static func applyFolders(_ save: String?, _ download: String?, to torrent: inout ForeignTorrent) {
        let now = torrent.folder
        torrent.folder = save ?? now
        torrent.currentFolders = [now, save, download].compactMap(\.self)
    }

    private static func noteRest(_ root: BencodeValue, _ torrent: inout ForeignTorrent) {
        if root["qBt-firstLastPiecePriority"]?.flag == true { torrent.omit("first and last pieces first") }
        if let stop = root["qBt-stopCondition"]?.words, stop != "None" { torrent.omit("the stop condition") }
    }
}
