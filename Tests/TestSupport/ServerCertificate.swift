package import SystemPackage
import Testing

/// A certificate for `localhost`, signed by an authority of the test's own, as PEM files.
package struct ServerCertificate: Sendable {
    package let chain: FilePath
    package let key: FilePath
    /// The certificate of the authority.
    package let authority: FilePath

    /// Makes one in the folder, with `openssl`. `name` is the host that it is for; an expired one ended yesterday.
    package init(in folder: FilePath, name: String = "localhost", isExpired: Bool = false) async throws {
        let program = try RealProgram.require("openssl")
        let authorityKey = folder.appending("authority.key")
        let (request, extensions) = (folder.appending("request.pem"), folder.appending("extensions"))
        (authority, key, chain) = (
            folder.appending("authority.pem"), folder.appending("server.key"), folder.appending("server.pem")
        )
        let makesKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        try Files.write(Array("subjectAltName=DNS:\(name)\n".utf8), to: extensions)
        for arguments in [
            ["req", "-x509"] + makesKey
                + ["-days", "2", "-subj", "/CN=A test", "-keyout", authorityKey.string, "-out", authority.string],
            ["req"] + makesKey + ["-subj", "/CN=\(name)", "-keyout", key.string, "-out", request.string],
            ["x509", "-req", "-in", request.string, "-CA", authority.string, "-CAkey", authorityKey.string]
                + ["-CAcreateserial", "-extfile", extensions.string, "-days", isExpired ? "-1" : "2"]
                + ["-out", chain.string],
        ] {
            let end = try await program.run(arguments, in: folder)
            try #require(end.exitCode == 0, "\(end)")
        }
    }
}
