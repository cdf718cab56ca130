import Bencode
package import Torrent

/// The state of Deluge: `torrents.fastresume`, a dictionary from info hashes to resume data (deluge:core/
/// torrentmanager.py). `torrents.state` is a Python pickle, which is a program and isn't read.
package struct Deluge: Sendable {
    /// What only the pickle has.
    private static let inPickle = ["the stop ratio", "labels", "the owner"]

    private let resumes: [InfoHash: ArraySlice<UInt8>]

    /// The torrents of the file, in its order.
    package let torrents: [InfoHash]

    /// Reads `torrents.fastresume`. Entries that can't be read are left out and counted.
    package init(_ fastresume: [UInt8]) throws(ForeignStateError) {
        let root = try stateDictionary(fastresume, "torrents.fastresume")
        var resumes: [InfoHash: ArraySlice<UInt8>] = [:]
        var torrents: [InfoHash] = []
        for entry in root.dictionary?.entries ?? [] {
            guard let hash = InfoHash(hex: String(decoding: entry.key, as: UTF8.self)),
                let resume = entry.value.content, resumes.updateValue(resume, forKey: hash) == nil
            else { continue }
            torrents.append(hash)
        }
        self.resumes = resumes
        self.torrents = torrents
    }

    /// The torrent's state; `file` is `HASH.torrent` beside the fastresume.
    package func read(_ infoHash: InfoHash, file: [UInt8]?) throws(ForeignStateError) -> ForeignTorrent {
        guard let resume = resumes[infoHash] else { throw ForeignStateError("there is no resume data") }
        var torrent = try LibtorrentResume.read(Array(resume), file: file)
        torrent.infoHash = torrent.infoHash ?? infoHash
        for phrase in Self.inPickle { torrent.omit(phrase) }
        return torrent
    }
}
