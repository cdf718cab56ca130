import Store

/// Reads again what an engine overwrote while a user read it who has no part in the database's locks.
package enum Rereading {
    /// The engine overwrites pages some times a minute at most.
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
