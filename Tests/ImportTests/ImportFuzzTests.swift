import Bencode
import Import
import Testing
import Torrent

/// Damaged state of every client: it is read or refused, and what is read holds together.
@Suite struct ImportFuzzTests {
    private static let readers:
        [(name: String, sample: [UInt8], read: @Sendable ([UInt8]) throws -> [ForeignTorrent])] = [
            ("libtorrent", Samples.libtorrent, { [try LibtorrentResume.read($0, file: Samples.folder)] }),
            ("qBittorrent", Samples.qBittorrent, { [try QBittorrent.read($0, file: Samples.folder)] }),
            ("transmission", Samples.transmission, { [try Transmission.read($0, file: Samples.folder)] }),
            (
                "rTorrent state", Samples.rtorrentState,
                { [try RTorrent.read(Samples.folder, state: $0, resume: Samples.rtorrentResume)] }
            ),
            (
                "rTorrent resume", Samples.rtorrentResume,
                { [try RTorrent.read(Samples.folder, state: Samples.rtorrentState, resume: $0)] }
            ),
            ("rTorrent file", Samples.folder, { [try RTorrent.read($0, state: nil, resume: nil)] }),
            (
                "Deluge", Samples.deluge,
                { bytes in
                    let state = try Deluge(bytes)
                    return state.torrents.compactMap { hash in
                        do { return try state.read(hash, file: Samples.folder) } catch { return nil }
                    }
                }
            ),
            (
                "aria2 control file", Samples.aria2Control(),
                { bytes in
                    var torrent = ForeignTorrent()
                    torrent.claim = try Aria2.ControlFile(bytes).claim
                    return [torrent]
                }
            ),
            (
                "aria2 session", Samples.aria2Session,
                { bytes in try Aria2.session(bytes).map { $0.torrent(file: Samples.folder) } }
            ),
        ]

    @Test(arguments: 0..<30 as Range<UInt64>) func mutantsNeverTrap(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let metainfo = try Samples.metainfo()
        for (name, sample, read) in Self.readers {
            var readCount = 0
            for _ in 0..<60 {
                let mutant = Self.mutant(of: sample, using: &generator)
                let torrents: [ForeignTorrent]
                do { torrents = try read(mutant) } catch {
                    #expect(error is ForeignStateError && !"\(error)".isEmpty, "\(name), seed \(seed)")
                    continue
                }
                readCount += 1
                for torrent in torrents { try Self.check(torrent, metainfo, "\(name), seed \(seed)") }
            }
            #expect(readCount > 0, "no mutant of \(name) was read: seed \(seed)")
        }
    }

    private static func check(_ torrent: ForeignTorrent, _ metainfo: Metainfo, _ comment: Comment) throws {
        #expect(torrent.downloadedBytes >= 0 && torrent.uploadedBytes >= 0 && torrent.wastedBytes >= 0, comment)
        #expect(torrent.downloadLimit ?? 1 > 0 && torrent.uploadLimit ?? 1 > 0 && torrent.peerLimit ?? 1 > 0, comment)
        #expect(torrent.peers.count <= 2 * ForeignTorrent.maximumPeers, comment)
        #expect(torrent.labels.allSatisfy { !$0.isEmpty && $0 == $0.printable }, comment)
        #expect(torrent.seedTime >= .zero, comment)
        if let pieces = torrent.claim.pieces(of: metainfo.geometry) {
            #expect(pieces.count == metainfo.geometry.pieceCount, comment)
        }
        for below in ["/data", "/"] {
            do throws(ForeignStateError) {
                let place = try PayloadPlace(torrent, of: metainfo, below: below) { $0 }
                #expect(place.output.first == "/", comment)
                #expect(!place.output.split(separator: "/").contains(".."), comment)
                #expect(place.root.map { !$0.isEmpty && !$0.contains("/") && $0 != ".." } ?? true, comment)
                #expect(place.files.values.allSatisfy { !$0.split(separator: "/").contains("..") }, comment)
            } catch {
                #expect(!error.description.isEmpty, comment)
            }
        }
    }

    /// Damaged bytes, digits and markers, repeated parts, and now and then a cut.
    private static func mutant(of sample: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
        var bytes = sample
        for _ in 0...Int.random(in: 0...3, using: &generator) {
            guard !bytes.isEmpty else { break }
            let at = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0...6, using: &generator) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.remove(at: at)
            case 2: bytes.insert("idle0123456789:-/.".utf8.randomElement(using: &generator) ?? 0, at: at)
            case 3: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &generator)
            case 4:
                let digits = bytes.indices.filter { (0x30...0x39).contains(bytes[$0]) }
                if let digit = digits.randomElement(using: &generator) {
                    bytes[digit] = UInt8.random(in: 0x30...0x39, using: &generator)
                }
            case 5:
                let end = min(bytes.count, at + Int.random(in: 1...40, using: &generator))
                bytes.insert(contentsOf: bytes[at..<end], at: at)
            default: if Int.random(in: 0...9, using: &generator) == 0 { bytes.removeSubrange(at...) }
            }
        }
        return bytes
    }
}
