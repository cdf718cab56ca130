import Bencode

/// Where the files of a torrent are on its web seeds (BEP 19).
///
/// The paths are percent-encoded from the bytes of the metainfo, because files on disk may have other names: safe ones,
/// or numbered ones.
package struct WebSeedPaths: Sendable {
    /// The encoded paths, one after the other, in one allocation: a torrent may have a million files.
    private var bytes: [UInt8] = []
    /// The end of each file's path in ``bytes``.
    private var ends: [Int] = []
    private let isSingleFile: Bool
    /// The encoded name of the torrent.
    private let name: [UInt8]

    package init(_ metainfo: Metainfo) {
        isSingleFile = metainfo.isSingleFile
        var encoded: [UInt8] = []
        let reader: InfoReader
        do {
            let start = metainfo.infoRange.lowerBound
            reader = try InfoReader(try Bencode.decode(metainfo.file, from: start, limits: Metainfo.limits))
        } catch {
            // It was read before, so it can be read again.
            name = []
            return
        }
        PercentEncoding.encode(reader.nameOnTheWeb ?? Array(metainfo.name.utf8)[...], onto: &encoded)
        name = encoded
        guard !isSingleFile else { return }
        ends.reserveCapacity(metainfo.layout.files.count)
        reader.forEachPathOnTheWeb { names in
            var isFirst = true
            for name in names where !name.isEmpty && !name.elementsEqual([UInt8(ascii: ".")]) {
                if !isFirst { bytes.append(UInt8(ascii: "/")) }
                isFirst = false
                PercentEncoding.encode(name, onto: &bytes)
            }
            ends.append(bytes.count)
        }
    }

    /// The URL of a file on the web seed with this URL; `nil` if the file has no name there.
    ///
    /// - The URL of a single file is the seed's own, unless it ends with a slash.
    /// - In all other cases the torrent's name and the file's path are appended. A slash that the seed's URL lacks is
    ///   added, as libtorrent does.
    package func url(of file: Int, at seed: String) -> String? {
        if isSingleFile {
            guard file == 0 else { return nil }
            return seed.hasSuffix("/") ? seed + String(decoding: name, as: UTF8.self) : seed
        }
        guard ends.indices.contains(file), let path = path(of: file) else { return nil }
        return seed + (seed.hasSuffix("/") ? "" : "/") + String(decoding: name, as: UTF8.self) + "/" + path
    }

    private func path(of file: Int) -> String? {
        let start = file == 0 ? 0 : ends[file - 1]
        return start == ends[file] ? nil : String(decoding: bytes[start..<ends[file]], as: UTF8.self)
    }
}
