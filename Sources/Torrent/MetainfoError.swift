package import Bencode

/// Why a file is not a usable .torrent.
///
/// Each case protects either the interpretation of the content (which bytes, under which names) or the memory of this
/// machine. An invalid value that threatens neither is skipped; see ``Metainfo/unused``.
package enum MetainfoError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file is larger than ``Metainfo/maximumFileBytes``, which bounds the memory for a .torrent.
    case tooLarge(bytes: Int)
    /// The file is not a .torrent.
    case foreign(ForeignFile)
    /// The file ends in the middle of a value.
    case truncated(bytes: Int)
    case bencode(BencodeError)
    case notADictionary
    /// `key` is a path of keys from the document's root, with files counted from 1.
    case missing(key: String)
    case wrongType(key: String, expected: String)
    /// A key that decides what is downloaded occurs twice with different values, so clients would download different
    /// things.
    case disputed(key: String)
    case versionTwoOnly
    case badPieceLength(Int64)
    /// The length of `pieces` is not a multiple of 20.
    case raggedPieceHashes(bytes: Int)
    /// A length or a hash is wrong. Pieces would fail their hash checks, and the peers would be blamed.
    case wrongPieceCount(expected: Int, found: Int)
    case tooManyPieces
    /// Some clients would download a file, and others a folder.
    case lengthAndFiles
    case neitherLengthNorFiles
    case noFiles
    case tooManyFiles(Int)
    case badLength(file: Int, Int64)
    case totalTooLarge

    package var description: String { "\(reason); \(advice)" }

    private var reason: String {
        switch self {
        case .tooLarge(let bytes): "the .torrent has \(bytes) bytes, over the limit of \(Metainfo.maximumFileBytes)"
        case .foreign(let file): "this is not a .torrent but \(file.kind)"
        case .truncated(let bytes): "the .torrent is cut off after \(bytes) bytes"
        case .bencode(let error): "this is not a .torrent, or it is damaged: \(error)"
        case .notADictionary: "this is not a .torrent: it is not a dictionary"
        case .missing("info"): "this is not a .torrent: it has no 'info'"
        case .missing(let key): "the .torrent has no '\(key)'"
        case .wrongType(let key, let expected): "'\(key)' of the .torrent must be \(expected)"
        case .disputed(let key):
            "the .torrent has '\(key)' twice with different values, so clients could download different content"
        case .versionTwoOnly:
            "this is a v2 torrent (BEP 52) without v1 piece hashes, and v2 is not supported yet"
        case .badPieceLength(let length):
            "'info.piece length' is \(length), which is not between 1 and \(Geometry.pieceLengths.upperBound)"
        case .raggedPieceHashes(let bytes): "'info.pieces' has \(bytes) bytes, not a multiple of 20"
        case .wrongPieceCount(let expected, let found):
            "'info.pieces' has hashes for \(found) pieces, but the lengths of the files make \(expected)"
        case .tooManyPieces: "the torrent has more than \(Geometry.maximumPieceCount) pieces"
        case .lengthAndFiles:
            "the .torrent has both 'info.length' and 'info.files': some clients would download one file, others a folder"
        case .neitherLengthNorFiles: "the .torrent has neither 'info.length' nor 'info.files'"
        case .noFiles: "'info.files' of the .torrent is empty: there is nothing to download"
        case .tooManyFiles(let count): "the torrent has \(count) files, over the limit of \(Metainfo.maximumFileCount)"
        case .badLength(let file, let length): "file \(file) of the torrent has the invalid length \(length)"
        case .totalTooLarge: "the lengths of the torrent's files add up to more than 64 bits can hold"
        }
    }

    private var advice: String {
        switch self {
        case .foreign(let file): file.advice
        case .truncated: "download it again, and compare its size with that of the original"
        case .bencode: "download it again; if other clients can read it, please report this"
        case .versionTwoOnly: "ask for a v1 or hybrid .torrent of the same content"
        case .tooLarge, .tooManyPieces, .tooManyFiles:
            "ask its creator for one with larger pieces, or for several with fewer files"
        case .badPieceLength: "ask its creator for one with another piece length"
        case .notADictionary, .missing("info"): "check that the right file was given"
        default: "ask its creator for a corrected .torrent"
        }
    }
}
