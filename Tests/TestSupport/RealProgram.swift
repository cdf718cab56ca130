import Foundation
package import SystemPackage
import Testing

/// A program of the system that a test runs against. Where it is missing the test is cancelled, visibly; where `CI` is
/// set it fails.
package struct RealProgram: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// The program in `PATH`, or the end of the test.
    package static func require(_ name: String, package: String? = nil) throws -> RealProgram {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        // Daemons are often outside the path of a user.
        let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
        for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") {
            return RealProgram(path: "\(folder)/\(name)")
        }
        let advice = "install the Debian package \(package ?? name)"
        guard ProcessInfo.processInfo.environment["CI"] == nil else {
            Issue.record("\(name) is not installed, and this test does not run without it: \(advice)")
            throw CancellationError()
        }
        try Test.cancel("\(name) is not installed: \(advice) to run this test")
    }

    /// Starts the program; what it says goes to hidden files in `folder`, its results to the terminal where one is
    /// given. `environment` comes on top of that of the tests, unless it is all that the program gets.
    package func start(
        _ arguments: [String], in folder: FilePath, environment: [String: String] = [:],
        inheritsEnvironment: Bool = true, terminal: PseudoTerminal? = nil, isReading: Bool = false
    ) throws -> RunningProgram {
        let inherited = inheritsEnvironment ? ProcessInfo.processInfo.environment : [:]
        return try RunningProgram(
            path, arguments, folder: folder, environment: inherited.merging(environment) { _, new in new },
            terminal: terminal, isReading: isReading)
    }

    /// Runs the program to its end.
    package func run(
        _ arguments: [String], in folder: FilePath, environment: [String: String] = [:],
        within limit: Duration = .seconds(150)
    ) async throws -> RunningProgram.End {
        let program = try start(arguments, in: folder, environment: environment)
        do {
            return try await program.end(within: limit)
        } catch {
            await program.kill()
            throw error
        }
    }
}

/// A process that a test started.
package final class RunningProgram: Sendable {
    /// How a process ended, and what it had said.
    package struct End: Sendable, CustomStringConvertible {
        /// `nil` when a signal ended it.
        package let exitCode: Int32?
        package let signal: Int32?
        package let output: String
        package let errors: String

        package var description: String {
            "\(exitCode.map { "exit code \($0)" } ?? "signal \(signal ?? 0)"): \(output) \(errors)"
        }
    }

    private let process: Process
    private let outputFile: FilePath
    private let errorFile: FilePath
    package let name: String

    fileprivate init(
        _ path: String, _ arguments: [String], folder: FilePath, environment: [String: String],
        terminal: PseudoTerminal?, isReading: Bool
    ) throws {
        let base = "\(FilePath(path).lastComponent?.string ?? "program")-\(UUID().uuidString.prefix(8))"
        name = base
        outputFile = folder.appending(".\(base).out")
        errorFile = folder.appending(".\(base).err")
        try Files.write([], to: outputFile)
        try Files.write([], to: errorFile)
        process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder.string)
        process.environment = environment
        let input = isReading ? terminal : nil
        process.standardInput =
            input.map { FileHandle(fileDescriptor: $0.slave.rawValue, closeOnDealloc: false) } ?? FileHandle.nullDevice
        let output = terminal == nil ? FileHandle(forWritingAtPath: outputFile.string) : nil
        let errors = FileHandle(forWritingAtPath: errorFile.string)
        process.standardOutput =
            output ?? terminal.map { FileHandle(fileDescriptor: $0.slave.rawValue, closeOnDealloc: false) }
        process.standardError = errors
        try Self.withSignalsUnblocked { try process.run() }
        // The program has its own; these would stay open for as long as the tests run.
        try output?.close()
        try errors?.close()
    }

    /// A program starts with the blocked signals of the thread that starts it, and threads of the pool block most of
    /// them; a shell's don't. It also starts with the signals that this process ignores, as it does where the tests run
    /// under nohup(1).
    private static func withSignalsUnblocked(_ body: () throws -> Void) rethrows {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        let hangUp = signal(SIGHUP, SIG_DFL)
        defer {
            pthread_sigmask(SIG_SETMASK, &before, nil)
            signal(SIGHUP, hangUp)
        }
        try body()
    }

    package var pid: Int32 { process.processIdentifier }
    package var isRunning: Bool { process.isRunning }
    /// What it has said so far.
    package var output: String { Self.text(outputFile) }
    package var errors: String { Self.text(errorFile) }

    package func send(_ signal: Int32) { if isRunning { Foundation.kill(pid, signal) } }

    /// Waits until the program has ended by itself.
    package func end(within limit: Duration = .seconds(150)) async throws -> End {
        try await eventually("the end of \(name), which said: \(output) \(errors)", within: limit) { !isRunning }
        let isExit = process.terminationReason == .exit
        let status = process.terminationStatus
        return End(exitCode: isExit ? status : nil, signal: isExit ? nil : status, output: output, errors: errors)
    }

    /// Ends the program by SIGKILL, if it still runs.
    package func kill() async {
        send(SIGKILL)
        while isRunning {
            do { try await Task.sleep(for: .milliseconds(2)) } catch { break }
        }
        if isRunning { process.waitUntilExit() }
    }

    private static func text(_ file: FilePath) -> String {
        do { return String(decoding: try Files.read(file), as: UTF8.self) } catch { return "\(error)" }
    }
}

/// Runs `body` beside a program, and ends the program with it.
package func withProgram<Value>(
    _ program: RealProgram, _ arguments: [String], in folder: FilePath, environment: [String: String] = [:],
    isolation: isolated (any Actor)? = #isolation, _ body: (RunningProgram) async throws -> Value
) async throws -> Value {
    let running = try program.start(arguments, in: folder, environment: environment)
    let result: Result<Value, any Error>
    do { result = .success(try await body(running)) } catch { result = .failure(error) }
    await running.kill()
    return try result.get()
}
