import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import System
import TrackerWire

extension TrackerError {
    /// Converts an error from a connection or from the layers below it.
    init(connection error: any Error, connectTimeout: Duration) {
        switch error {
        case let error as TrackerError: self = error
        case is CancellationError: self = .cancelled
        case let error as NIOConnectionError: self = .unreachable(Self.sentence(error))
        case let error as IOError: self = .unreachable(Self.sentence(error))
        case ChannelError.connectTimeout: self = .timedOut(after: connectTimeout)
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: self = .insecure(Printable.text("\(error)".utf8))
        default: self = .malformed(Printable.text("\(error)".utf8))
        }
    }

    private static func sentence(_ error: NIOConnectionError) -> String {
        guard let failure = error.connectionErrors.first else {
            return "the host name \(Printable.text(error.host.utf8)) has no address"
        }
        if let error = failure.error as? IOError { return sentence(error) }
        return Printable.text("\(failure.error)".utf8)
    }

    /// The system's reason for a failed call, with advice if a process limit is the cause.
    static func sentence(_ error: IOError) -> String {
        let reason = String(cString: strerror(error.errnoCode))
        return ProcessLimit(errno: error.errnoCode).map { "\(reason); \($0.advice)" } ?? reason
    }
}
