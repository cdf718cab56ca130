import TrackerWire

extension TrackerError {
    /// The error as a clause about a web seed's server.
    var webSeedSentence: String {
        switch self {
        case .unreachable(let why): "it cannot be reached: \(why)"
        case .insecure(let why): "it cannot be reached securely: \(why)"
        case .timedOut(let time): "it did not answer within \(time.components.seconds) s"
        case .redirectRefused(_, let target, let why): "it redirects to \(target), and pieces doesn't follow: \(why)"
        default: "\(self)"
        }
    }
}
