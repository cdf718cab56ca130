import Glibc
import SystemPackage
import Torrent

/// A network of libtorrent's nodes, in a process of its own, with torrents that some of them announced; and a node of
/// libtorrent's beside ours, which joins by the same entry and looks for peers when it is asked to.
///
/// Without a round trip all of them are on loopback. With one, the network's nodes are in a network namespace of their
/// own, behind two TUN devices whose packets are carried half a round trip later; this needs root.
final class LibtorrentNodes {
    private static let patience = Duration.seconds(120)
    private static let lookup = Duration.seconds(40)

    /// Answers `down` and `look N`, which come as datagrams. The first process carries packets and words; the searcher
    /// and the network are its children.
    private static let script = """
        import ctypes, fcntl, os, random, select, socket, struct, subprocess, sys, time
        from collections import deque
        control, count, torrents, delay = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
        near, far = ('10.77.7.1', '10.77.7.2') if delay else ('127.0.0.1', '127.0.0.1')
        def device(host):
            file = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(file, 0x400454CA, struct.pack('16sH22x', b'pieces%d', 0x1001))
            name = [l.split(':')[0].strip() for l in open('/proc/net/dev') if l.strip().startswith('pieces')][-1]
            subprocess.run(['ip', 'addr', 'add', host + '/24', 'dev', name], check=True)
            subprocess.run(['ip', 'link', 'set', name, 'txqueuelen', '10000', 'up'], check=True)
            return file
        def session(host):
            import libtorrent as lt
            s = lt.session({
                'listen_interfaces': host + ':0', 'enable_dht': True, 'enable_lsd': False, 'enable_upnp': False,
                'enable_natpmp': False, 'dht_bootstrap_nodes': '', 'dht_restrict_routing_ips': False,
                'dht_restrict_search_ips': False, 'dht_ignore_dark_internet': False,
                'dht_prefer_verified_node_ids': False, 'dht_enforce_node_id': False, 'dht_upload_rate_limit': 1 << 20,
                'dht_block_ratelimit': 1000, 'alert_mask': lt.alert.category_t.dht_operation_notification})
            return s
        def wait_for_port(s):
            while s.listen_port() == 0: time.sleep(0.01)
            return s.listen_port()
        def network(words):
            import libtorrent as lt
            sessions = [session(far) for _ in range(count)]
            ports = [wait_for_port(s) for s in sessions]
            for s in sessions:
                for port in random.sample(ports, 6): s.add_dht_node((far, port))
            time.sleep(8)
            hashes = [os.urandom(20) for _ in range(torrents)]
            # The first fifth will be gone.
            dead = count // 5
            for n, h in enumerate(hashes):
                sessions[dead + n % (count - dead)].dht_announce(lt.sha1_hash(h), 7000 + n, 0)
                if n % 10 == 9: time.sleep(1)
            time.sleep(8)
            words.send(('ready %s:%d %s' % (far, ports[-1], ' '.join(h.hex() for h in hashes))).encode())
            words.recv(9000)
            for s in sessions[:dead]: s.apply_settings({'enable_dht': False})
            words.send(b'down')
            words.recv(9000)
        def searcher(words):
            import libtorrent as lt
            s = session(near)
            wait_for_port(s)
            _, entry, *hashes = words.recv(9000).decode().split()
            s.add_dht_node((entry.split(':')[0], int(entry.split(':')[1])))
            while True:
                wanted = lt.sha1_hash(bytes.fromhex(hashes[int(words.recv(9000).split()[1])]))
                s.pop_alerts()
                start, found = time.monotonic(), None
                s.dht_get_peers(wanted)
                while found is None and time.monotonic() - start < 30:
                    s.wait_for_alert(100)
                    now = time.monotonic()
                    for alert in s.pop_alerts():
                        if isinstance(alert, lt.dht_get_peers_reply_alert) and alert.info_hash == wanted:
                            if alert.num_peers() and found is None: found = now - start
                words.send(b'none' if found is None else b'found %d' % int(found * 1e6))
        def child(work):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            if os.fork() == 0:
                ctypes.CDLL(None).prctl(1, 9)
                work(theirs)
                os._exit(0)
            theirs.close()
            return ours
        wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        wire.bind(('127.0.0.1', 0))
        here = device(near) if delay else None
        looking = child(searcher)
        if delay:
            if ctypes.CDLL(None, use_errno=True).unshare(0x40000000): sys.exit('unshare: ' + os.strerror(ctypes.get_errno()))
            subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
        there = device(far) if delay else None
        nodes = child(network)
        queues = {here: (there, deque()), there: (here, deque())} if delay else {}
        parent = os.getppid()
        while os.getppid() == parent:
            heads = [q[0][0] for _, q in queues.values() if q]
            wait = max(0, min(heads) - time.monotonic()) if heads else 0.5
            for ready in select.select([wire, looking, nodes, *queues], [], [], wait)[0]:
                if ready is wire:
                    text = wire.recv(9000)
                    (nodes if text == b'down' else looking).send(text)
                elif ready is looking or ready is nodes:
                    text = ready.recv(9000)
                    if not text: sys.exit("libtorrent's nodes have ended")
                    if text.startswith(b'ready'): looking.send(text)
                    wire.sendto(text, ('127.0.0.1', control))
                else:
                    due = time.monotonic() + delay
                    try:
                        while True: queues[ready][1].append((due, os.read(ready, 65536)))
                    except BlockingIOError: pass
            now = time.monotonic()
            for to, queue in queues.values():
                while queue and queue[0][0] <= now:
                    try: os.write(to, queue.popleft()[1])
                    except OSError: pass
        """

    private let control: Int32
    private let process: RunningProcess
    private var peer: sockaddr_in?
    let entry: PeerAddress
    let torrents: [PublicInfoHash]

    /// `nil` unless Python has libtorrent.
    init?(count: Int, torrents: Int, roundTrip: Duration) throws {
        guard let python = BenchmarkSetup.tool("python3") else { return nil }
        do { _ = try ProcessSample(python, ["-c", "import libtorrent"]) } catch { return nil }
        let (control, port) = try Socket.datagrams()
        self.control = control
        let arguments = ["\(port)", "\(count)", "\(torrents)", "\(roundTrip / .seconds(2))"]
        process = try RunningProcess(python, ["-W", "ignore", "-c", Self.script] + arguments)
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
