package import Torrent

/// The state of aria2: a control file `NAME.aria2` beside the data of each download, gone when it is complete, and the
/// session that `--save-session` writes (aria2:doc/manual-src/en/technical-notes.rst, src/SessionSerializer.cc).
package enum Aria2 {
    /// A control file.
    package struct ControlFile: Sendable, Equatable {
        package let infoHash: InfoHash?
        package let pieceLength: Int64
        package let totalBytes: Int64
        package let uploadedBytes: Int64
        /// One bit per piece in wire order.
        package let bits: [UInt8]
        /// The number of pieces of which some blocks are there.
        package let incompletePieces: Int

        /// What it says of the payload.
        package var claim: ForeignClaim {
            var claim = ForeignClaim()
            claim.extent = .pieces(bits)
            claim.pieceLength = pieceLength
            claim.totalBytes = totalBytes
            claim.hasIncompletePieces = incompletePieces > 0
            return claim
        }

        /// Reads a control file of version 1, whose numbers are big-endian, or of version 0, which has the byte order
        /// of a PC.
        package init(_ bytes: [UInt8]) throws(ForeignStateError) {
            var reader = Reader(bytes)
            guard let version = reader.take(2), version == [0, 1] || version == [0, 0] else {
                throw ForeignStateError("the control file is of an unknown version")
            }
            reader.isBigEndian = version[1] == 1
            guard let extensions = reader.take(4), let hashLength = reader.number(4), hashLength <= 64,
                let hash = reader.take(Int(hashLength)), let pieceLength = reader.number(4),
                let total = reader.number(8), let uploaded = reader.number(8), let count = reader.number(4),
                count <= UInt64(Geometry.maximumPieceCount), let bits = reader.take(Int(count)),
                let pieces = reader.number(4)
            else { throw ForeignStateError("the control file is cut off") }
            guard let total = Int64(exactly: total), total <= 1 << 60, pieces <= 1 << 32 else {
                throw ForeignStateError("the control file has impossible numbers")
            }
            infoHash = extensions[3] & 1 == 1 ? InfoHash(hash) : nil
            self.pieceLength = Int64(pieceLength)
            totalBytes = total
            uploadedBytes = Int64(exactly: uploaded).flatMap { $0 <= 1 << 60 ? $0 : nil } ?? 0
            self.bits = bits
            incompletePieces = Int(pieces)
        }
    }

    /// A download of a session.
    package struct Download: Sendable, Equatable {
        /// The addresses that it was started with: a .torrent's path, its URL, or a magnet link.
        package let sources: [String]
        /// Options by name, the last value of each. `bt-tracker` may have several.
        package let options: [String: String]
        /// The values of `index-out`, in order.
        package let outputs: [String]

        /// What the session says of the torrent. `defaultFolder` is where aria2 was started, if it is known.
        package func torrent(file: [UInt8]?) -> ForeignTorrent {
            var torrent = ForeignTorrent()
            torrent.file = file
            torrent.folder = options["dir"].flatMap { PathText.folder($0) }
            torrent.isPaused = options["pause"] == "true"
            if let text = options["seed-ratio"], let ratio = Double(text), ratio.isFinite, ratio >= 0, ratio < 1e6 {
                // 0 means without a limit here.
                torrent.seedGoal = ratio == 0 ? .forever : .ratio(ratio)
            } else if let text = options["seed-time"], let minutes = Double(text), minutes >= 0, minutes < 1e9 {
                torrent.seedGoal = .time(.seconds(Int64(minutes * 60)))
            }
            torrent.downloadLimit = Self.rate(options["max-download-limit"])
            torrent.uploadLimit = Self.rate(options["max-upload-limit"])
            torrent.peerLimit = options["bt-max-peers"].flatMap { Int($0) }.flatMap {
                (1...1 << 20).contains($0) ? $0 : nil
            }
            for output in outputs {
                let parts = output.split(separator: "=", maxSplits: 1).map { String($0) }
                guard parts.count == 2, let number = Int(parts[0]), number >= 1, number <= Metainfo.maximumFileCount
                else { continue }
                torrent.renamed[number - 1] = parts[1]
            }
            if let text = options["select-file"] { select(text, in: &torrent) }
            if let name = options["bt-exclude-tracker"], !name.isEmpty { torrent.omit("excluded trackers") }
            if let trackers = options["bt-tracker"], !trackers.isEmpty { torrent.omit("added trackers") }
            return torrent
        }

        /// `1-3,5`: files that aren't listed aren't wanted. The number of files isn't known here.
        private func select(_ text: String, in torrent: inout ForeignTorrent) {
            var wanted: Set<Int> = []
            // Ranges that repeat each other must not cost more than the largest torrent.
            var work = 0
            for part in text.split(separator: ",").prefix(Metainfo.maximumFileCount) {
                let ends = part.split(separator: "-").compactMap { Int($0) }
                guard let first = ends.first, let last = ends.last, ends.count <= 2, first >= 1, first <= last,
                    last <= Metainfo.maximumFileCount
                else { continue }
                work += last - first + 1
                guard work <= Metainfo.maximumFileCount else { break }
                for number in first...last { wanted.insert(number - 1) }
            }
            guard let last = wanted.max() else { return }
            for index in 0...last where !wanted.contains(index) { torrent.wanted[index] = false }
            torrent.unwantedFrom = last + 1
        }

        /// `100K` and `1M` are multiples of 1024; 0 is none.
        private static func rate(_ text: String?) -> Int64? {
            guard var text = text?[...] else { return nil }
            var factor: Int64 = 1
            switch text.last {
            case "K", "k": factor = 1 << 10
            case "M", "m": factor = 1 << 20
            default: break
            }
            if factor > 1 { text.removeLast() }
            guard let number = Int64(text), number > 0, number < 1 << 40 else { return nil }
            return number * factor
        }
    }

    /// The most downloads and options that are read.
    private static let maximumLines = 1 << 20

    /// The downloads of a session: a line of addresses, separated by tabs, and lines of options, which begin with a
    /// blank.
    package static func session(_ bytes: [UInt8]) throws(ForeignStateError) -> [Download] {
        guard !bytes.starts(with: [0x1f, 0x8b]) else {
            throw ForeignStateError("the session is compressed: decompress it first (gunzip < FILE > NEW)")
        }
        var downloads: [Download] = []
        var sources: [String] = []
        var options: [String: String] = [:]
        var outputs: [String] = []
        func end() {
            if !sources.isEmpty { downloads.append(Download(sources: sources, options: options, outputs: outputs)) }
            (sources, options, outputs) = ([], [:], [])
        }
        for line in bytes.split(separator: UInt8(ascii: "\n")).prefix(maximumLines) {
            guard let first = line.first, first != UInt8(ascii: "#") else { continue }
            if first == UInt8(ascii: " ") || first == UInt8(ascii: "\t") {
                let parts = line.dropFirst().split(separator: UInt8(ascii: "="), maxSplits: 1)
                guard parts.count == 2 else { continue }
                let (key, value) = (String(decoding: parts[0], as: UTF8.self), PathText.text(parts[1]))
                if key == "index-out" { outputs.append(value) } else { options[key] = value }
            } else {
                end()
                sources = line.split(separator: UInt8(ascii: "\t")).map { PathText.text($0) }
            }
        }
        end()
        return downloads
    }

    /// Reads numbers of a control file.
    private struct Reader {
        private var rest: ArraySlice<UInt8>
        var isBigEndian = true

        init(_ bytes: [UInt8]) { rest = bytes[...] }

        mutating func take(_ count: Int) -> [UInt8]? {
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }

        mutating func number(_ size: Int) -> UInt64? {
            guard let bytes = take(size) else { return nil }
            return (isBigEndian ? bytes : bytes.reversed()).reduce(0) { $0 << 8 | UInt64($1) }
        }
    }
}
