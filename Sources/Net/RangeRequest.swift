package import NIOCore
package import TrackerWire

/// A range of a file on a web server.
package struct RangeRequest: Sendable {
    /// A number that the delegate chooses.
    package let number: Int
    /// The file's URL at the web seed.
    package let url: TrackerURL
    /// Where the web seed redirected requests for the file before, or probably will; asked first.
    package let location: TrackerURL?
    package let offset: Int64
    package let length: Int
    package let fileLength: Int64

    package init(
        number: Int, url: TrackerURL, location: TrackerURL?, offset: Int64, length: Int, fileLength: Int64
    ) {
        self.number = number
        self.url = url
        self.location = location
        self.offset = offset
        self.length = length
        self.fileLength = fileLength
    }
}

/// Why a range could not be fetched.
package enum RangeFailure: Error, Equatable, Sendable {
    /// The server doesn't have the file as expected; the text is a clause about the file.
    case lacks(String)
    case ignoresRanges
    /// Nothing can be fetched for a while; the text is a clause about the server.
    case failed(String, retryAfter: Duration?)
}

/// Receives what a ``RangeClient`` fetches. Its methods are called on the client's event loop.
package protocol RangeDelegate: AnyObject, Sendable {
    /// The next bytes of the range, which is the oldest that isn't finished. Don't keep the buffer.
    func received(_ bytes: ByteBuffer, of request: RangeRequest, from tag: UInt32)
    /// A read has delivered everything. Returns whether to read on; if not, ``RangeClient/readOn()`` does.
    func readEnded(from tag: UInt32) -> Bool
    /// The server has the file at this place; `nil` for the URL of the request itself. Called for each request before
    /// its first bytes.
    func found(_ request: RangeRequest, at location: TrackerURL?, from tag: UInt32)
    /// The whole range was handed over.
    func finished(_ request: RangeRequest, from tag: UInt32)
    /// The range can't be fetched. The ranges after it are dropped without a call.
    func failed(_ request: RangeRequest, _ failure: RangeFailure, from tag: UInt32)
}
