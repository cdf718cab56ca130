import Foundation
package import SystemPackage
import Testing
import Torrent

/// Debian's nginx as a web seed, with a log of what it was asked for.
package struct Nginx: Sendable {
    /// A request as nginx logged it.
    package struct Request: Sendable {
        package let status: Int
        package let bytes: Int
        /// The path with its escapes.
        package let target: String
        /// The bytes of the file that were asked for; `nil` for the whole file.
        package let range: ClosedRange<Int64>?
        /// The port at which it came in.
        package let port: UInt16
    }

    package let host: String
    package let port: UInt16
    /// The value of `@other@`.
    package let otherPort: UInt16
    package let root: FilePath
    private let log: FilePath
    private let isSecure: Bool

    package var url: String { "\(isSecure ? "https" : "http")://\(host):\(port)/" }

    /// The requests so far.
    package func requests() throws -> [Request] {
        String(decoding: try Files.read(log), as: UTF8.self).split(separator: "\n").compactMap { line in
            let words = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard words.count == 5, let status = Int(words[0]), let bytes = Int(words[1]), let port = UInt16(words[4])
            else { return nil }
            let ends = words[3].firstMatch(of: /bytes=(\d+)-(\d+)/).map { ($0.1, $0.2) }
            var range: ClosedRange<Int64>?
            if let ends, let first = Int64(ends.0), let last = Int64(ends.1), first <= last { range = first...last }
            let target = words[2].split(separator: " ").dropFirst().first.map(String.init) ?? ""
            return Request(status: status, bytes: bytes, target: target, range: range, port: port)
        }
    }

    package func forgetRequests() throws { try Files.truncate(log, to: 0) }

    fileprivate init(
        host: String, port: UInt16, otherPort: UInt16, root: FilePath, log: FilePath, isSecure: Bool
    ) {
        self.host = host
        self.port = port
        self.otherPort = otherPort
        self.root = root
        self.log = log
        self.isSecure = isSecure
    }
}

/// Runs `body` beside an nginx that serves a folder. `directives` go into its `server` block; `@port@` in them is its
/// own port. `others` are further `server` blocks, in which `@other@` and `@third@` are ports of their own, and
/// `@root@` is the folder. With `tls`, the server speaks HTTPS.
package func withNginx<Value>(
    in folder: FilePath, _ directives: String = "", others: String = "", http: String = "",
    host: String = "127.0.0.1", tls: ServerCertificate? = nil, isolation: isolated (any Actor)? = #isolation,
    _ body: (Nginx) async throws -> Value
) async throws -> Value {
    let program = try RealProgram.require("nginx", package: "nginx-light")
    let home = folder.appending("nginx")
    let root = home.appending("root")
    try Files.makeFolders(root)
    let (port, other, third) = (try Machine.freePort(), try Machine.freePort(), try Machine.freePort())
    let log = home.appending("requests.log")
    func filled(_ text: String) -> String {
        [("port", "\(port)"), ("other", "\(other)"), ("third", "\(third)"), ("root", root.string)].reduce(text) {
            $0.replacingOccurrences(of: "@\($1.0)@", with: $1.1)
        }
    }
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
        "\($0)_temp_path \(home.appending("temporary"));"
    }
    let address = host == "localhost" ? "127.0.0.1" : host
    let secure = tls.map { " ssl; ssl_certificate \($0.chain); ssl_certificate_key \($0.key)" } ?? ""
    let configuration = """
        daemon off;
        master_process off;
        pid \(home.appending("nginx.pid"));
        error_log \(home.appending("error.log"));
        events { worker_connections 256; }
        http {
            \(temporary.joined(separator: "\n"))
            log_format requests '$status\\t$body_bytes_sent\\t$request\\t$http_range\\t$server_port';
            access_log \(log) requests;
            \(filled(http))
            server { listen \(address):\(port)\(secure); root \(root); \(filled(directives)) }
            \(filled(others))
        }
        """
    let file = home.appending("nginx.conf")
    try Files.write(Array(configuration.utf8), to: file)
    try Files.write([], to: log)
    return try await withProgram(program, ["-p", home.string, "-c", file.string], in: home) { _ in
        guard let listening = PeerAddress.Host(address) else { throw Errno.invalidArgument }
        try await Machine.untilListening(PeerAddress(listening, port: port))
        return try await body(
            Nginx(host: host, port: port, otherPort: other, root: root, log: log, isSecure: tls != nil))
    }
}
