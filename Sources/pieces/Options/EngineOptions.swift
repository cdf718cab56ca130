import ArgumentParser
import Engine
import Library
import SystemPackage
import Torrent

/// The network options of an engine.
struct EngineOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "TCP port for incoming peers; 0 picks any free port. Default: 6881, or the next free port.",
            valueName: "n"))
    var listenPort: Int?

    @Option(
        help: ArgumentHelp("Local IP address for all connections.", valueName: "address"),
        transform: {
            guard let host = PeerAddress.Host($0) else {
                throw BadValue("give an IPv4 or IPv6 address of this machine")
            }
            return host
        })
    var bind: PeerAddress.Host?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "Connect to this peer for every torrent that is downloaded (repeatable).", valueName: "host:port"))
    var peer: [String] = []

    @Flag(name: .customLong("no-dht"), help: "Don't look for peers in the DHT.")
    var isWithoutDHT = false

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "Begin in the DHT with this node instead of the usual ones (repeatable).", valueName: "host:port"),
        transform: DHTOptions.node)
    var dhtBootstrap: [MagnetPeer] = []

    @Flag(
        name: .customLong("dht-read-only"),
        help: "Ask the nodes of the DHT, but don't answer them, as on a metered or closed network.")
    var isReadOnlyInDHT = false

    @Flag(name: .customLong("no-pex"), help: "Don't tell peers of other peers, and ignore what they tell.")
    var isWithoutPEX = false

    @Flag(name: .customLong("no-lsd"), help: "Don't look for peers on the local network.")
    var isWithoutLSD = false

    @Option(
        help: ArgumentHelp(
            "Also trust the certificate authorities in this PEM file, for HTTPS trackers and web seeds.",
            valueName: "file"),
        completion: .file(extensions: ["pem"]))
    var caFile: String?

    @Option(
        help: ArgumentHelp(
            "Maximum time in milliseconds until a verified piece is recorded.", valueName: "n", visibility: .hidden))
    var commitInterval: Int?

    func validate() throws {
        if let commitInterval, commitInterval < 1 {
            throw ValidationError("--commit-interval must be at least 1 (milliseconds)")
        }
        if let caFile {
            do { try FileDescriptor.open(FilePath(text: caFile), .readOnly, options: .closeOnExec).close() } catch {
                throw ValidationError("--ca-file: cannot read \(caFile.printable): \(error)")
            }
        }
        if let listenPort, !(0...65535).contains(listenPort) {
            throw ValidationError("--listen-port must be a number from 0 to 65535")
        }
    }

    /// Changes the settings to the given options.
    func apply(to settings: inout EngineSettings) async throws {
        if let listenPort {
            settings.listenPort = listenPort
            settings.listenPortIsFixed = true
        }
        if let bind { settings.bind = bind }
        if isWithoutPEX { settings.usesPeerExchange = false }
        if isWithoutLSD { settings.usesLocalDiscovery = false }
        if isWithoutDHT {
            settings.dht = nil
        } else if !dhtBootstrap.isEmpty {
            var options = settings.dht ?? DHTOptions()
            options.entries = dhtBootstrap
            settings.dht = options
        }
        if isReadOnlyInDHT { settings.dht?.isReadOnly = true }
        settings.extraTrustRoots = trustRoots
        if let commitInterval { settings.commitInterval = .milliseconds(commitInterval) }
        for text in peer { settings.peers += try await PeerName(text).addresses() }
    }

    /// A UTF-8 path of the certificate file, because the TLS library accepts no other paths.
    private var trustRoots: String? {
        guard let caFile, PathText.isEscaped(caFile) else { return caFile }
        // The descriptor stays open until the process ends, because the library reads the file when it connects.
        do {
            let file = try FileDescriptor.open(FilePath(text: caFile), .readOnly, options: .closeOnExec)
            return "/proc/self/fd/\(file.rawValue)"
        } catch {
            return caFile
        }
    }

    var fetchOptions: FetchOptions { FetchOptions(bind: bind, extraTrustRoots: trustRoots) }
}
