import Glibc
import Logging
import NIOCore
import Synchronization
import System

/// Detects connections that fail because the process or the machine can't open more sockets. The peer isn't to blame,
/// and the user has to know.
enum SocketShortage {
    private static let interval = Duration.seconds(60)
    private static let told = Mutex<ContinuousClock.Instant?>(nil)
    private static let log = Logger(label: "pieces.sockets")

    /// Returns whether the error is a shortage, and logs shortages at most once a minute.
    static func note(_ error: any Error) -> Bool {
        guard let number = (error as? IOError)?.errnoCode, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(number) else {
            return false
        }
        let isNews = told.withLock { told in
            if let last = told, .now - last < interval { return false }
            told = .now
            return true
        }
        if isNews {
            let advice = ProcessLimit(errno: number)?.advice ?? "close other programs"
            log.warning(
                "no more connections can be opened (\(String(cString: strerror(number)))): \(advice), or allow fewer peers (--max-peers)"
            )
        }
        return true
    }
}

/// Stops accepting connections for a moment after a shortage. Connections wait in the kernel, and the loop doesn't
/// retry constantly.
final class AcceptPause: ChannelInboundHandler, Sendable {
    typealias InboundIn = any Channel
    private static let pause = TimeAmount.seconds(1)

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard SocketShortage.note(error) else { return context.fireErrorCaught(error) }
        let channel = context.channel
        channel.setOption(.autoRead, value: false).whenSuccess {
            channel.eventLoop.scheduleTask(in: Self.pause) { channel.setOption(.autoRead, value: true) }
        }
    }
}
