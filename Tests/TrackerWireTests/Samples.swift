import Testing
import Torrent
import TrackerWire

/// The values that the tests of this room speak about.
enum Samples {
    static let infoHash = InfoHash((0..<20).map { UInt8($0) })!
    static let otherHash = InfoHash((100..<120).map { UInt8($0) })!
    static let peerID = PeerID("-PE0100-abcdefghijkl".utf8)!

    static func request(event: AnnounceRequest.Event? = nil) -> AnnounceRequest {
        AnnounceRequest(
            infoHash: infoHash, peerID: peerID, port: 6881, uploaded: 1, downloaded: 2, left: 3, event: event,
            peersWanted: 30, key: 0xdead_beef)
    }
}

func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The error of type ``TrackerError`` that `body` throws.
func trackerError<T>(_ body: () throws(TrackerError) -> T) throws -> TrackerError {
    do {
        let value = try body()
        Issue.record("no error, but \(value)")
        throw CancellationError()
    } catch let error as TrackerError {
        return error
    }
}
