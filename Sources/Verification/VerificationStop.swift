import Disk

/// Asks a verification to end early. Findings so far are written to the database.
package struct VerificationStop: Sendable {
    let token = CancelToken()

    package init() {}

    package func request() { token.cancel() }
}
