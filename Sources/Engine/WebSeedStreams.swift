import Net
import Store
import Swarm
import Torrent

/// The web seeds of one active torrent.
struct WebSeedStreams {
    private(set) var ordered: [WebSeedStream] = []
    private var byKey: [WebSeedKey: WebSeedStream] = [:]
    /// The paths of the files, which are only needed if there is a web seed.
    private var knownPaths: WebSeedPaths?

    subscript(key: WebSeedKey) -> WebSeedStream? { byKey[key] }
    subscript(url: String) -> WebSeedStream? { ordered.first { $0.url == url } }
    var isEmpty: Bool { ordered.isEmpty }

    mutating func add(_ stream: WebSeedStream) {
        ordered.append(stream)
        byKey[stream.key] = stream
    }

    mutating func remove(_ stream: WebSeedStream) {
        stream.client.onLoop { $0.end() }
        byKey[stream.key] = nil
        ordered.removeAll { $0 === stream }
    }

    /// The torrent is at rest: all connections are closed.
    func end() {
        for stream in ordered { stream.client.onLoop { $0.end() } }
    }

    mutating func paths(of metainfo: Metainfo) -> WebSeedPaths {
        if let knownPaths { return knownPaths }
        let paths = WebSeedPaths(metainfo)
        knownPaths = paths
        return paths
    }

    /// Returns what was learned of files since the last call.
    func takeLearned() -> [WebSeedFileRow] { ordered.flatMap { $0.takeLearned() } }
}
