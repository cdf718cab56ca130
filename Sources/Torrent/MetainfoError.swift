import Bencode

/// Why a file is not a .torrent that can be used.
package enum MetainfoError: Error, Hashable, Sendable, CustomStringConvertible {
    case tooLarge(bytes: Int)
    case bencode(BencodeError)
    case notADictionary
    /// The key is a path of keys from the document's root, files counted from 1.
    case missing(key: String)
    case wrongType(key: String, expected: String)
    case versionTwoOnly
    case badPieceLength(Int64)
    /// The bytes of `pieces` are no multiple of 20.
    case raggedPieceHashes(bytes: Int)
    case wrongPieceCount(expected: Int, found: Int)
    case tooManyPieces
    case lengthAndFiles
    case neitherLengthNorFiles
    case noFiles
    case tooManyFiles(Int)
    case badLength(file: Int, Int64)
    case badPath(file: Int)
    case totalTooLarge

    package var description: String { "\(reason); \(advice)" }

    private var reason: String {
        switch self {
        case .tooLarge(let bytes): "the .torrent has \(bytes) bytes, over the limit of \(Metainfo.maximumFileBytes)"
        case .bencode(let error): "this is not a .torrent: \(error)"
        case .notADictionary: "this is not a .torrent: it has to be a dictionary"
        case .missing(let key): "the .torrent has no '\(key)'"
        case .wrongType(let key, let expected): "'\(key)' of the .torrent has to be \(expected)"
        case .versionTwoOnly: "this is a v2 torrent (BEP 52), without the piece hashes of v1"
        case .badPieceLength(let length):
            "a piece length of \(length) is outside \(Geometry.pieceLengths.lowerBound) to \(Geometry.pieceLengths.upperBound)"
        case .raggedPieceHashes(let bytes): "'info.pieces' has \(bytes) bytes, not a multiple of 20"
        case .wrongPieceCount(let expected, let found): "the .torrent has hashes for \(found) pieces where its files make \(expected)"
        case .tooManyPieces: "the torrent has more than \(Geometry.maximumPieceCount) pieces"
        case .lengthAndFiles: "the .torrent has both 'info.length' and 'info.files', of which one is allowed"
        case .neitherLengthNorFiles: "the .torrent has neither 'info.length' nor 'info.files'"
        case .noFiles: "the list of files in the .torrent is empty"
        case .tooManyFiles(let count): "the torrent has \(count) files, over the limit of \(Metainfo.maximumFileCount)"
        case .badLength(let file, let length): "file \(file) of the torrent has the length \(length)"
        case .badPath(let file):
            "file \(file) of the torrent has no path, or one over \(SafePath.maximumPathBytes) bytes or \(SafePath.maximumDepth) folders"
        case .totalTooLarge: "the lengths of the torrent's files add up to more than 64 bits hold, or its paths are too long"
        }
    }

    private var advice: String {
        switch self {
        case .versionTwoOnly: "ask for a v1 or hybrid .torrent of the same content"
        case .tooLarge, .tooManyPieces, .tooManyFiles, .badPieceLength: "ask for one that is made with other sizes"
        default: "get the .torrent again from where it came"
        }
    }
}
