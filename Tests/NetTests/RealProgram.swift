import Foundation
import Testing

/// A program of the system that a test runs against. Where it is missing the test is cancelled, visibly; where `CI` is set it fails.
struct RealProgram {
    let path: String

    /// The program in `PATH`, or the end of the test.
    static func require(_ name: String) throws -> RealProgram {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        // Daemons are often outside the path of a user.
        let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
        for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") {
            return RealProgram(path: "\(folder)/\(name)")
        }
        guard ProcessInfo.processInfo.environment["CI"] == nil else {
            Issue.record("\(name) is not installed, and this test does not run without it: install the Debian package \(name)")
            throw CancellationError()
        }
        try Test.cancel("\(name) is not installed: install the Debian package \(name) to run this test")
    }

    /// Starts the program in the background, to be ended with `end()`; its output is discarded.
    func start(_ arguments: [String], in folder: URL) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    /// Runs the program to its end, which must be a good one.
    func run(_ arguments: [String], in folder: URL) throws {
        let process = try start(arguments, in: folder)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(path) \(arguments.joined(separator: " ")) ended with \(process.terminationStatus)")
    }
}

extension Process {
    /// Ends the program and waits until it is gone.
    ///
    /// By SIGKILL, which cannot be blocked: a program starts with the blocked signals of the thread that starts it, SIGTERM among them.
    func end() {
        if isRunning { kill(processIdentifier, SIGKILL) }
        waitUntilExit()
    }
}

/// A folder of a test's own, which is removed with everything in it when `body` ends.
func withTemporaryFolder<T>(_ body: (URL) async throws -> T) async throws -> T {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pieces-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let result: Result<T, any Error>
    do {
        result = .success(try await body(folder))
    } catch {
        result = .failure(error)
    }
    try FileManager.default.removeItem(at: folder)
    return try result.get()
}
