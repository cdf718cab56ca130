import NIOCore
import Torrent
import TrackerWire

/// Fetches a `.torrent` from the web.
package struct TorrentFetcher: Sendable {
    /// The most bytes of a `.torrent` that are fetched, packed or unpacked.
    package static let maximumBytes = 256 << 20
    /// How long it may take; a server that is silent for longer than an announce may take is left sooner.
    package static let timeout: Duration = .seconds(600)

    private let getter: HTTPGetter

    /// A fetcher on the loops of `group`, which must outlive it; call ``shutdown()`` when done.
    package init(group: any EventLoopGroup, options: HTTPOptions) {
        self.init(group: group, options: options, maximumBytes: Self.maximumBytes)
    }

    init(group: any EventLoopGroup, options: HTTPOptions, maximumBytes: Int) {
        getter = HTTPGetter(group: group, options: options, maximumBytes: maximumBytes, timeout: Self.timeout)
    }

    /// The bytes behind an http or https URL. They begin as a `.torrent` does; whether they are one is for its parser to say.
    package func fetch(_ text: String) async throws(TorrentFetchError) -> [UInt8] {
        let url: TrackerURL
        do {
            url = try TrackerURL(text)
        } catch {
            throw .url(error)
        }
        guard url.scheme != .udp else { throw .udp }
        let answer: HTTPGetter.Answer
        do {
            answer = try await getter.get(url.requestURL(), firstByte: UInt8(ascii: "d"), authorization: url.authorization)
        } catch {
            throw error == .cancelled ? .cancelled : .failed(server: url.authority, why: error.description)
        }
        guard answer.isSuccess else {
            throw .status(server: url.authority, code: answer.code, phrase: Printable.text(answer.phrase.utf8, limit: 60))
        }
        guard let first = answer.body.first else { throw .failed(server: url.authority, why: "the answer is empty") }
        guard first == UInt8(ascii: "d") else {
            if let file = ForeignFile(answer.body), file.isPacked { throw .packed(server: url.authority, file) }
            throw .notATorrent(server: url.authority, excerpt: Printable.text(answer.body, limit: 60))
        }
        return answer.body
    }

    package func shutdown() async { await getter.shutdown() }
}

/// Why there is no `.torrent` behind a URL.
package enum TorrentFetchError: Error, Hashable, Sendable, CustomStringConvertible {
    case url(TrackerURLError)
    case udp
    case status(server: String, code: Int, phrase: String)
    case notATorrent(server: String, excerpt: String)
    /// It is compressed, and not by HTTP, which would have been undone.
    case packed(server: String, ForeignFile)
    case failed(server: String, why: String)
    case cancelled

    package var description: String {
        switch self {
        case .url(let error): error.description
        case .udp: "a .torrent cannot be fetched over udp: give an http or https URL"
        case .status(let server, let code, let phrase):
            "\(server) answered \(code)\(phrase.isEmpty ? "" : " \(phrase)"): check the URL, or fetch the .torrent with a browser"
        case .notATorrent(let server, let excerpt):
            "\(server) answered something that is no .torrent: “\(excerpt)”; perhaps it is a page that links to it, or wants a login"
        case .packed(let server, let file):
            "\(server) answered \(file.kind): fetch it by other means, and \(file.advice)"
        case .failed(let server, let why): "the .torrent cannot be fetched from \(server): \(why)"
        case .cancelled: "fetching the .torrent was cancelled"
        }
    }
}
