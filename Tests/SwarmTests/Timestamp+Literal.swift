import Torrent

/// Tests write moments as seconds.
extension Timestamp: ExpressibleByIntegerLiteral {
    package init(integerLiteral seconds: Int64) { self.init(seconds) }
}
