import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Debian's nginx as a web seed, with a log of what it was asked for.
struct Nginx {
    /// A request as nginx logged it.
    struct Request: Sendable {
        let status: Int
        let bytes: Int
        /// The path with its escapes.
        let target: String
        /// The bytes of the file that were asked for; `nil` for the whole file.
        let range: ClosedRange<Int64>?
    }

    let port: UInt16
    let root: FilePath
    private let log: FilePath

    var url: String { "http://127.0.0.1:\(port)/" }

    /// The requests so far.
    func requests() throws -> [Request] {
        String(decoding: try Files.read(log), as: UTF8.self).split(separator: "\n").compactMap { line in
            let words = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard words.count == 4, let status = Int(words[0]), let bytes = Int(words[1]) else { return nil }
            let ends = words[3].firstMatch(of: /bytes=(\d+)-(\d+)/).map { ($0.1, $0.2) }
            var range: ClosedRange<Int64>?
            if let ends, let first = Int64(ends.0), let last = Int64(ends.1), first <= last { range = first...last }
            let target = words[2].split(separator: " ").dropFirst().first.map(String.init) ?? ""
            return Request(status: status, bytes: bytes, target: target, range: range)
        }
    }

    func forgetRequests() throws { try Files.truncate(log, to: 0) }

    fileprivate init(port: UInt16, root: FilePath, log: FilePath) {
        self.port = port
        self.root = root
        self.log = log
    }
}

/// Runs `body` beside an nginx that serves a folder. `directives` go into its `server` block; `@port@` in them is its
/// own port. `others` are further `server` blocks, in which `@other@` is a port of their own.
func withNginx<Value>(
    in folder: FilePath, _ directives: String = "", others: String = "", http: String = "",
    isolation: isolated (any Actor)? = #isolation, _ body: (Nginx) async throws -> Value
) async throws -> Value {
    let program = try RealProgram.require("nginx", package: "nginx-light")
    let home = try folder.appending("nginx").makingFolder()
    let root = try home.appending("root").makingFolder()
    let (port, other) = (try Machine.freePort(), try Machine.freePort())
    let log = home.appending("requests.log")
    func filled(_ text: String) -> String {
        text.replacingOccurrences(of: "@port@", with: "\(port)").replacingOccurrences(of: "@other@", with: "\(other)")
    }
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
        "\($0)_temp_path \(home.appending("temporary"));"
    }
    let configuration = """
        daemon off;
        master_process off;
        pid \(home.appending("nginx.pid"));
        error_log \(home.appending("error.log"));
        events { worker_connections 256; }
        http {
            \(temporary.joined(separator: "\n"))
            log_format requests '$status\\t$body_bytes_sent\\t$request\\t$http_range';
            access_log \(log) requests;
            \(filled(http))
            server { listen 127.0.0.1:\(port); root \(root); \(filled(directives)) }
            \(filled(others).replacingOccurrences(of: "@root@", with: root.string))
        }
        """
    let file = home.appending("nginx.conf")
    try Files.write(Array(configuration.utf8), to: file)
    try Files.write([], to: log)
    return try await withProgram(program, ["-p", home.string, "-c", file.string], in: home) { _ in
        try await Machine.untilListening(PeerAddress(.v4(0x7f00_0001), port: port))
        return try await body(Nginx(port: port, root: root, log: log))
    }
}
