import AsyncHTTPClient
import Glibc
import Limits
import NIOCore
import NIOHTTPCompression
import NIOPosix
import NIOSSL
import TrackerWire

/// Why a GET gave no answer; the part of a sentence that follows the name of the server.
enum HTTPGetError: Error, Hashable, CustomStringConvertible {
    case tooLarge(limit: Int)
    case timedOut(after: Duration)
    case unreachable(String)
    case insecure(String)
    /// The bytes that came are not HTTP, or cannot be unpacked.
    case malformed(String)
    case redirects
    case cancelled

    /// What a failure of AsyncHTTPClient or of the layers below means.
    init(_ error: any Error, limits: HTTPGetter.Limits) {
        switch error {
        case let error as HTTPClientError: self = Self.client(error, limits)
        case is CancellationError: self = .cancelled
        case let error as NIOConnectionError: self = .unreachable(Self.sentence(error))
        case let error as IOError: self = .unreachable(Self.sentence(error))
        case ChannelError.connectTimeout: self = .timedOut(after: limits.connectTimeout)
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: self = .insecure(Printable.text("\(error)".utf8))
        case NIOHTTPDecompression.DecompressionError.limit: self = .tooLarge(limit: limits.bytes)
        case is NIOHTTPDecompression.DecompressionError, is NIOHTTPDecompression.ExtraDecompressionError:
            self = .malformed("its compressed body is damaged")
        default: self = .malformed(Printable.text("\(error)".utf8))
        }
    }

    var description: String {
        switch self {
        case .tooLarge(let limit): "the answer is longer than \(limit) bytes"
        case .timedOut(let time): "no answer within \(time.components.seconds) s"
        case .unreachable(let why): "no connection: \(why)"
        case .insecure(let why): "the certificate cannot be trusted: \(why)"
        case .malformed(let why): "the answer cannot be read: \(why)"
        case .redirects: "it redirects in a circle, or more than \(HTTPGetter.maximumRedirects) times"
        case .cancelled: "the request was cancelled"
        }
    }

    private static func client(_ error: HTTPClientError, _ limits: HTTPGetter.Limits) -> Self {
        switch error {
        case .cancelled, .alreadyShutdown, .requestStreamCancelled: .cancelled
        case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout: .timedOut(after: limits.connectTimeout)
        case .readTimeout, .writeTimeout: .timedOut(after: limits.silenceTimeout)
        case .deadlineExceeded: .timedOut(after: limits.timeout)
        case .redirectLimitReached, .redirectCycleDetected: .redirects
        case .remoteConnectionClosed: .unreachable("the server closed the connection before it answered")
        case .invalidLocalAddress: .unreachable("the local address to bind to is not valid: correct --bind")
        default: .malformed(Printable.text(error.description.utf8))
        }
    }

    private static func sentence(_ error: NIOConnectionError) -> String {
        if let failure = error.connectionErrors.first {
            if let error = failure.error as? IOError { return sentence(error) }
            return Printable.text("\(failure.error)".utf8)
        }
        return "the host name \(Printable.text(error.host.utf8)) has no address"
    }

    static func sentence(_ error: IOError) -> String {
        let reason = String(cString: strerror(error.errnoCode))
        return ProcessLimit(errno: error.errnoCode).map { "\(reason); \($0.advice)" } ?? reason
    }
}
