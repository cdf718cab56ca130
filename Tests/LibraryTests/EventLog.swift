import Synchronization
import Verification

/// Keeps what a verification reports.
final class EventLog: Sendable {
    private let events = Mutex<[VerificationEvent]>([])

    func add(_ event: VerificationEvent) { events.withLock { $0.append(event) } }

    var results: [VerificationResult] {
        events.withLock { $0.compactMap { if case .verified(let result) = $0 { result } else { nil } } }
    }

    var bytesRead: Int64 {
        events.withLock { $0.reduce(0) { if case .read(let bytes) = $1 { $0 + bytes } else { $0 } } }
    }
}
