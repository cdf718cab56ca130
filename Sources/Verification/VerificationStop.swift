import Disk

/// Asks a verification to end early: what was found until then is written down.
package struct VerificationStop: Sendable {
    let token = CancelToken()

    package init() {}

    package func request() { token.cancel() }
}
