import Glibc
import SystemPackage
import Torrent

/// A network of libtorrent's nodes on loopback, in a process of its own, with torrents that some of them announced. One
/// of them looks for peers when it is asked to.
final class LibtorrentNodes {
    private static let patience = Duration.seconds(120)
    private static let lookup = Duration.seconds(40)

    /// Answers `down` and `look N`, which come as datagrams.
    private static let script = """
        import libtorrent as lt, os, random, socket, sys, time
        control, count, torrents = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
        wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        wire.bind(('127.0.0.1', 0))
        def say(text): wire.sendto(text.encode(), ('127.0.0.1', control))
        settings = {
            'listen_interfaces': '127.0.0.1:0', 'enable_dht': True, 'enable_lsd': False, 'enable_upnp': False,
            'enable_natpmp': False, 'dht_bootstrap_nodes': '', 'dht_restrict_routing_ips': False,
            'dht_restrict_search_ips': False, 'dht_ignore_dark_internet': False,
            'dht_prefer_verified_node_ids': False, 'dht_enforce_node_id': False, 'dht_upload_rate_limit': 1 << 20,
            'dht_block_ratelimit': 1000, 'alert_mask': lt.alert.category_t.dht_operation_notification}
        sessions = [lt.session(settings) for _ in range(count)]
        for s in sessions:
            while s.listen_port() == 0: time.sleep(0.01)
        ports = [s.listen_port() for s in sessions]
        for n, s in enumerate(sessions):
            for port in random.sample(ports, 6): s.add_dht_node(('127.0.0.1', port))
        time.sleep(8)
        hashes = [os.urandom(20) for _ in range(torrents)]
        # The searcher is the last one; the first fifth will be gone.
        dead = count // 5
        for n, h in enumerate(hashes):
            s = sessions[dead + n % (count - 1 - dead)]
            s.dht_announce(lt.sha1_hash(h), 7000 + n, 0)
            if n % 10 == 9: time.sleep(1)
        time.sleep(8)
        say('ready 127.0.0.1:%d %s' % (ports[-2], ' '.join(h.hex() for h in hashes)))
        searcher = sessions[-1]
        parent = os.getppid()
        wire.settimeout(1)
        while os.getppid() == parent:
            try: words = wire.recv(100).decode().split()
            except socket.timeout: continue
            if words[0] == 'down':
                for s in sessions[:dead]: s.stop_dht() if hasattr(s, 'stop_dht') else s.apply_settings({'enable_dht': False})
                say('down')
            elif words[0] == 'look':
                searcher.pop_alerts()
                wanted = lt.sha1_hash(hashes[int(words[1])])
                start = time.monotonic()
                searcher.dht_get_peers(wanted)
                found = None
                while found is None and time.monotonic() - start < 30:
                    searcher.wait_for_alert(100)
                    now = time.monotonic()
                    for alert in searcher.pop_alerts():
                        if isinstance(alert, lt.dht_get_peers_reply_alert) and alert.info_hash == wanted and alert.num_peers():
                            found = found or now - start
                say('none' if found is None else 'found %d' % int(found * 1e6))
        """

    private let control: Int32
    private let process: RunningProcess
    private var peer: sockaddr_in?
    let entry: PeerAddress
    let torrents: [PublicInfoHash]

    /// `nil` unless Python has libtorrent.
    init?(count: Int, torrents: Int) throws {
        guard let python = BenchmarkSetup.tool("python3") else { return nil }
        do { _ = try ProcessSample(python, ["-c", "import libtorrent"]) } catch { return nil }
        let (control, port) = try Socket.datagrams()
        self.control = control
        process = try RunningProcess(python, ["-W", "ignore", "-c", Self.script, "\(port)", "\(count)", "\(torrents)"])
        let (words, sender) = try Self.hear(control, Self.patience)
        guard words.count == torrents + 2, words[0] == "ready", let entry = PeerAddress(words[1]) else {
            throw BenchmarkError("libtorrent's nodes said \(words.prefix(2)): see what they complained of above")
        }
        self.entry = entry
        self.torrents = words.dropFirst(2).compactMap { word in
            InfoHash(hex: word).flatMap { PublicInfoHash($0, isPrivate: false) }
        }
        peer = sender
    }

    deinit { close(control) }

    /// A fifth of the nodes are gone from now on.
    func takeDown() throws { _ = try ask("down") }

    /// The time from the beginning of libtorrent's search to its first peers; `nil` if it found none.
    func search(_ number: Int) throws -> Duration? {
        let words = try ask("look \(number)")
        return words.first == "found" ? words.dropFirst().first.flatMap { Int($0) }.map { .microseconds($0) } : nil
    }

    private func ask(_ text: String) throws -> [String] {
        if let peer { Socket.send(Array(text.utf8), to: peer, through: control) }
        return try Self.hear(control, Self.lookup).words
    }

    private static func hear(_ socket: Int32, _ patience: Duration) throws -> (words: [String], sender: sockaddr_in) {
        var list = [pollfd(fd: socket, events: Int16(POLLIN), revents: 0)]
        poll(&list, 1, Int32(patience / .milliseconds(1)))
        guard let (bytes, sender) = Socket.receive(socket) else {
            throw BenchmarkError("libtorrent's nodes say nothing: see what they complained of above")
        }
        return (String(decoding: bytes, as: UTF8.self).split(separator: " ").map(String.init), sender)
    }
}
