package import Disk

/// Asks a verification to end early. Findings so far are written to the database.
package struct VerificationStop: Sendable {
    package let token = CancelToken()

    package init() {}

    package var isRequested: Bool { token.isCancelled }
    package func request() { token.cancel() }
}
