import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The built program, run as users run it; it stands beside the test bundle.
struct Program {
    struct Answer {
        let status: Int32
        let output: String
        let errors: String

        /// The output as one JSON value.
        var json: Any {
            get throws { try JSONSerialization.jsonObject(with: Data(output.utf8)) }
        }

        /// The output as one JSON object a line.
        var objects: [[String: Any]] {
            get throws {
                try output.split(separator: "\n").map {
                    try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
                }
            }
        }

        var lines: [Substring] { output.split(separator: "\n") }
    }

    let folder: URL
    /// Given to every command that is not told of another.
    var database: URL { folder.appendingPathComponent("pieces.db") }

    /// Runs a command to its end in the folder.
    @discardableResult
    func run(_ arguments: String..., environment: [String: String] = [:]) async throws -> Answer {
        try await start(arguments, environment: environment).end()
    }

    /// Runs a command that has to succeed.
    @discardableResult
    func succeed(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws -> Answer {
        let answer = try await start(arguments).end()
        try #require(answer.status == 0, "\(arguments): \(answer.errors)", sourceLocation: sourceLocation)
        return answer
    }

    /// Starts a command in an environment that has nothing of the tests' own.
    func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Running {
        var all = [
            "PATH": "/usr/bin:/bin", "HOME": folder.path, "PIECES_DATABASE": database.path, "LANG": "C.UTF-8",
            "TZ": "UTC",
            // Tests that run at the same time must not find each other, and none asks public nodes of the DHT.
            "PIECES_LSD": "off", "PIECES_DHT": "off",
        ]
        all.merge(environment) { _, new in new }
        return Running(
            program: try Pieces.program.start(
                arguments, in: FilePath(folder.path), environment: all, inheritsEnvironment: false))
    }

    /// A command that may still run.
    struct Running {
        let program: RunningProgram

        var pid: Int32 { program.pid }
        var isRunning: Bool { program.isRunning }

        func send(_ signal: Int32) { program.send(signal) }

        func end() async throws -> Answer {
            let end: RunningProgram.End
            do {
                end = try await program.end()
            } catch {
                await program.kill()
                throw error
            }
            return Answer(status: end.exitCode ?? end.signal ?? 0, output: end.output, errors: end.errors)
        }

        /// Waits until the output has this, and gives all of it.
        func waiting(for text: String) async throws -> String {
            try await eventually("“\(text)” in what \(program.name) prints", within: .seconds(150)) {
                let printed = program.output
                if printed.contains(text) { return printed }
                try #require(isRunning, "it ended before it said “\(text)”: \(program.errors)")
                return nil
            }
        }
    }
}

/// A folder of a test's own, which is removed with everything in it when `body` ends.
func withProgram(_ body: (Program) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pieces-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let result: Result<Void, any Error>
    do {
        result = .success(try await body(Program(folder: folder)))
    } catch {
        result = .failure(error)
    }
    try FileManager.default.removeItem(at: folder)
    try result.get()
}

extension Program {
    /// Writes a file whose bytes are a function of the seed; the name may have folders in it.
    func write(_ name: String, bytes: Int, seed: UInt64 = 1) throws {
        let file = folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        var generator = SeededGenerator(seed: seed)
        var data = Data(capacity: bytes + 8)
        while data.count < bytes { withUnsafeBytes(of: generator.next()) { data.append(contentsOf: $0) } }
        try data.prefix(bytes).write(to: file)
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: folder.appendingPathComponent(name))
    }

    func read(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: folder.appendingPathComponent(name))) }

    func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path)
    }

    /// Turns a byte of a file over, in place.
    func flip(_ name: String, at offset: Int) throws {
        let file = try FileHandle(forUpdating: folder.appendingPathComponent(name))
        try file.seek(toOffset: UInt64(offset))
        let byte = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: Data([byte ^ 0xff]))
        try file.close()
    }

    /// A folder of three files, one of them empty, and its torrent of 10 pieces of 32 KiB, `set.torrent`.
    func makeSet() async throws {
        try write("here/set/a.bin", bytes: 200_000, seed: 1)
        try write("here/set/empty", bytes: 0)
        try write("here/set/sub/b.bin", bytes: 100_000, seed: 2)
        try await succeed("create", "here/set", "-o", "set.torrent", "--piece-length", "32K", "--anonymous")
    }

    /// The torrents of `status --json`.
    func torrents(_ arguments: String...) async throws -> [[String: Any]] {
        let answer = try await start(["status", "--json"] + arguments).end()
        let object = try #require(try answer.json as? [String: Any])
        return try #require(object["torrents"] as? [[String: Any]])
    }
}
