import Bencode
import Import
import Torrent

/// States of clients as the clients write them, small.
enum Samples {
    static let hash = [UInt8](repeating: 0xab, count: 20)

    /// Three files in a folder, 5 pieces of 16 KiB.
    static let folder = torrent([
        "files": [
            ["length": 20000, "path": ["a", "b.txt"]], ["length": 30000, "path": ["c.bin"]],
            ["length": 20000, "path": ["d.bin"]],
        ],
        "name": "folder", "piece length": 16384, "pieces": .string(Array(repeating: 0x64, count: 100)),
    ])
    /// One file of 2 pieces.
    static let single = torrent([
        "length": 20000, "name": "one.bin", "piece length": 16384,
        "pieces": .string(Array(repeating: 0x64, count: 40)),
    ])

    private static func torrent(_ info: BencodeValue) -> [UInt8] {
        Bencode.encode([
            "announce": "http://tracker.example/announce", "info": info, "url-list": "http://seed.example/",
        ])
    }

    static func metainfo(_ file: [UInt8] = folder) throws -> Metainfo { try Metainfo(torrentFile: file) }

    static let peer: [UInt8] = [10, 0, 0, 1, 0x1a, 0xe1]

    static let libtorrent = dictionary([
        "file-format": "libtorrent resume file", "file-version": 1, "info-hash": .string(hash), "name": "shown",
        "save_path": "/data/", "pieces": .string([1, 3, 0, 2, 1]), "paused": 1, "auto_managed": 0,
        "sequential_download": 1, "download_rate_limit": -1, "upload_rate_limit": 4096, "max_connections": 16_777_215,
        "total_downloaded": 111, "total_uploaded": 222, "added_time": 1_600_000_000, "completed_time": 1_600_000_100,
        "seeding_time": 3600, "file_priority": [4, 0, 4], "mapped_files": ["", "folder/other.bin", ""],
        "trackers": [["http://one.example/announce"], ["udp://two.example:1", "http://three.example/"]],
        "url-list": ["http://seed.example/", "http://new.example/"], "peers": .string(peer),
        "banned_peers": .string([10, 0, 0, 2, 0, 80]),
    ])

    static let qBittorrent = dictionary(
        merging(
            libtorrent,
            [
                "qBt-savePath": "/final", "qBt-downloadPath": "/data", "qBt-category": "films/old",
                "qBt-tags": ["b", "a"], "qBt-name": "My film", "qBt-ratioLimit": "1.5", "qBt-seedingTimeLimit": -2,
            ]))

    static let transmission = dictionary([
        "destination": "/final", "incomplete-dir": "/unfinished", "paused": 0, "dnd": [0, 1, 0],
        "priority": [0, 1, 0], "labels": ["linux", "iso"], "uploaded": 5, "downloaded": 6, "corrupt": 7,
        "added-date": 1_600_000_000, "done-date": 0, "seeding-time-seconds": 9, "max-peers": 50,
        "speed-limit-up": ["speed-Bps": 2000, "use-speed-limit": 1],
        "speed-limit-down": ["speed-Bps": 3000, "use-speed-limit": 0],
        "ratio-limit": ["ratio-limit": "2.500000", "ratio-mode": 1],
        "progress": ["blocks": "all", "mtimes": [1_500_000_000, 0, 1_500_000_002]],
    ])

    static let rtorrentState = dictionary([
        "state": 1, "complete": 0, "directory": "/data/renamed", "custom1": "Linux%20ISOs", "total_uploaded": 44,
        "total_downloaded": 55, "timestamp.started": 1_600_000_000, "timestamp.finished": 0, "priority": 2,
    ])
    static let rtorrentResume = dictionary([
        "bitfield": .string([0b1110_0000]), "uncertain_pieces": .string([0, 0, 0, 1]),
        "files": [
            ["mtime": 1_500_000_000, "priority": 1], ["mtime": -1, "priority": 0], ["mtime": -2, "priority": 1],
        ],
        "trackers": [
            "http://tracker.example/announce": ["enabled": 1],
            "http://added.example/": ["enabled": 1, "extra_tracker": 1],
            "dht://": ["enabled": 0],
        ],
        "peers": [["inet": .string(peer), "failed": 0]],
    ])

    static var deluge: [UInt8] {
        dictionary([String(repeating: "ab", count: 20): .string(libtorrent)])
    }

    static let aria2Session = Array(
        """
        /torrents/folder.torrent
         gid=2089b05ecca3d829
         dir=/downloads
         select-file=1,3
         index-out=1=x/renamed.txt
         pause=true
         seed-ratio=2.0
         max-upload-limit=100K
        magnet:?xt=urn:btih:\(String(repeating: "cd", count: 20))	http://mirror.example/
         dir=/downloads

        """.utf8)

    static func aria2Control(version: UInt8 = 1) -> [UInt8] {
        func number(_ value: UInt64, _ size: Int) -> [UInt8] {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (size - 1 - $0))) }
            return version == 1 ? bytes : bytes.reversed()
        }
        return [0, version, 0, 0, 0, 1] + number(20, 4) + hash + number(16384, 4) + number(70000, 8) + number(99, 8)
            + number(1, 4) + [0b1010_0000] + number(1, 4) + number(1, 4) + number(16384, 4) + number(1, 4) + [0x80]
    }

    static func dictionary(_ pairs: KeyValuePairs<String, BencodeValue>) -> [UInt8] {
        var dictionary = BencodeDictionary()
        for (key, value) in pairs { dictionary[Array(key.utf8)] = value }
        return Bencode.encode(.dictionary(dictionary))
    }

    private static func dictionary(_ dictionary: BencodeDictionary) -> [UInt8] {
        Bencode.encode(.dictionary(dictionary))
    }

    private static func merging(_ bytes: [UInt8], _ pairs: KeyValuePairs<String, BencodeValue>) -> BencodeDictionary {
        var dictionary = (try? Bencode.decode(bytes))?.dictionary ?? BencodeDictionary()
        for (key, value) in pairs { dictionary[Array(key.utf8)] = value }
        return dictionary
    }
}
