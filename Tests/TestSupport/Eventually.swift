/// What was waited for did not come.
package struct TimeoutError: Error, CustomStringConvertible {
    package let description: String
}

/// How often a test looks at the least before it gives up. Time alone says nothing on a busy machine: where hundreds of
/// tests share two threads, a test can get its second turn a minute after the first, and what it waits for got no more.
private let leastLooks = 40

/// Looks again and again until `condition` answers something other than `nil`. Throws when `limit` has passed, the
/// last look began after that, and there were at least 40 of them.
@discardableResult
package func eventually<Value>(
    _ what: @autoclosure () throws -> String, within limit: Duration = .seconds(60),
    isolation: isolated (any Actor)? = #isolation,
    _ condition: () async throws -> Value?
) async throws -> Value {
    let end = ContinuousClock.now + limit
    var looks = 0
    while true {
        let isLast = ContinuousClock.now >= end && looks + 1 >= leastLooks
        if let value = try await condition() { return value }
        looks += 1
        guard !isLast else {
            throw TimeoutError(description: "waited \(limit) in vain for \(try what()), and looked \(looks) times")
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
