import System
import SystemPackage

extension Checkup {
    /// The port that an engine uses by default.
    private static let usualPort: UInt16 = 6881

    func ports() -> [Diagnosis] {
        // A running engine occupies the port itself.
        guard !engine.isRunning else { return [] }
        guard let fault = TCPPort.faultOfListening(at: Self.usualPort) else {
            return [.fine(.ports, "port \(Self.usualPort) is free for incoming peers")]
        }
        return [
            .notice(
                .ports, "can't listen on port \(Self.usualPort): \(fault)",
                "the engine uses another port near it; choose one with --listen-port, and allow it in the firewall")
        ]
    }
}
