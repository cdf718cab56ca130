import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import System
import Torrent
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
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: self = .insecure(Self.sentence(tls: error))
        default: self = .malformed(Printable.text("\(error)".utf8))
        }
    }

    /// Why no secure connection could be made. The library's own texts have places in its source beside the reason.
    private static func sentence(tls error: any Error) -> String {
        if error as? NIOSSLExtraError == .failedToValidateHostname { return "its certificate is for another name" }
        let text = "\(error)"
        let code = text.firstRange(ofText: "OPENSSL_internal:").map { mark in
            text[mark.upperBound...].prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        }
        guard let code, !code.isEmpty else { return Printable.text(text.utf8, limit: 120) }
        switch code {
        case "CERTIFICATE_VERIFY_FAILED":
            return "its certificate has expired, or its authority is unknown (--ca-file adds an authority)"
        case "WRONG_VERSION_NUMBER", "HTTP_REQUEST": return "it doesn't answer in TLS"
        default: return "TLS failed (\(code))"
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
