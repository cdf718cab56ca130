/// Why a text is not a usable magnet link.
package enum MagnetLinkError: Error, Hashable, Sendable, CustomStringConvertible {
    case tooLong(bytes: Int)
    case notAMagnetLink
    /// There is no `xt` with a BitTorrent hash.
    case noInfoHash
    case badInfoHash
    case badV2Hash
    /// There is only a v2 hash (BEP 52).
    case versionTwoOnly
    /// Two different hashes of one kind.
    case severalTorrents
    /// `so` can't be read. To ignore it would select every file.
    case badFileSelection

    package var description: String {
        switch self {
        case .tooLong(let bytes):
            "the magnet link has \(bytes) bytes, over the limit of \(MagnetLink.maximumBytes)"
        case .notAMagnetLink: "this is not a magnet link: it does not begin with 'magnet:?'"
        case .noInfoHash: "the magnet link has no info hash ('xt=urn:btih:…'), so it names no torrent"
        case .badInfoHash:
            "the info hash of the magnet link is neither 40 hexadecimal digits nor 32 base32 digits; was it cut off?"
        case .badV2Hash: "the v2 hash of the magnet link is not '1220' and 64 hexadecimal digits; was it cut off?"
        case .versionTwoOnly: "the magnet link needs a v1 hash: pieces can't read v2 torrents yet"
        case .severalTorrents: "the magnet link names more than one torrent: give one link for each"
        case .badFileSelection:
            """
            'so' of the magnet link is not a list of at most \(MagnetLink.maximumFileRanges) file numbers and ranges, \
            such as 0,2,4-7, below \(Metainfo.maximumFileCount)
            """
        }
    }
}
