/// The hash functions of BitTorrent.
package enum HashAlgorithm: Sendable {
    /// Pieces and info dictionaries of v1 torrents (BEP 3).
    case sha1
    /// Blocks, Merkle trees and info dictionaries of v2 torrents (BEP 52).
    case sha256

    /// The length of a digest in bytes.
    package var digestLength: Int {
        switch self {
        case .sha1: SHA1Digest.byteCount
        case .sha256: SHA256Digest.byteCount
        }
    }
}
