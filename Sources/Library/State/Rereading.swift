import Store

/// Retries reads for users who can't use the database's locks, because an engine may overwrite pages while such a user
/// reads.
package enum Rereading {
    /// The maximum number of tries; the engine overwrites pages a few times a minute at most.
    private static let attempts = 20

    package static func run<Value>(_ body: () throws -> Value) throws -> Value {
        var attempt = 1
        while true {
            do {
                return try body()
            } catch {
                guard helps(error, attempt) else { throw error }
                attempt += 1
            }
        }
    }

    package static func helps(_ error: any Error, _ attempt: Int) -> Bool {
        attempt < attempts && (error as? StoreError)?.code == .rewritten
    }
}
