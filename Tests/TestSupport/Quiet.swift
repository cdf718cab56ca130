import Logging

/// What engines log goes nowhere: tests look at what they leave. Ask for it before an engine is started; a process may
/// say so once.
package enum Quiet {
    package static let bootstrap: Void = LoggingSystem.bootstrap { _ in SwiftLogNoOpLogHandler() }
}
