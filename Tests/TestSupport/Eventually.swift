/// What was waited for did not come.
package struct TimeoutError: Error, CustomStringConvertible {
    package let description: String
}

/// Looks again and again until `condition` answers something other than `nil`; throws when it never does.
@discardableResult
package func eventually<Value>(
    _ what: @autoclosure () throws -> String, within limit: Duration = .seconds(60),
    isolation: isolated (any Actor)? = #isolation,
    _ condition: () async throws -> Value?
) async throws -> Value {
    let end = ContinuousClock.now + limit
    while true {
        if let value = try await condition() { return value }
        guard ContinuousClock.now < end else {
            throw TimeoutError(description: "waited \(limit) in vain for \(try what())")
        }
        try await Task.sleep(for: .milliseconds(25))
    }
}

/// Waits until the condition holds; throws when it never does.
package func eventually(
    _ what: @autoclosure () throws -> String, within limit: Duration = .seconds(60),
    isolation: isolated (any Actor)? = #isolation,
    _ condition: () async throws -> Bool
) async throws {
    try await eventually(try what(), within: limit) { try await condition() ? () : nil }
}

extension Result where Failure == any Error {
    /// What `body` answers or throws, for tests that have something to clean up before they go on.
    package init(isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
