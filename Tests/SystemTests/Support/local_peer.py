"""A libtorrent session at one address: it seeds or leeches a torrent and prints what happens.

Arguments: seed or leech, the .torrent, the data folder, the address, lsd or quiet, a peer or -, a limit in B/s or 0,
and nopex for no peer exchange. A peer is printed with where it is from: 4 for peer exchange, 32 for its own call.
"""
import sys, time
import libtorrent as lt

verb, source, folder, address, lsd, peer, limit = sys.argv[1:8]
session = lt.session({
    "listen_interfaces": address + ":0", "enable_dht": False, "enable_lsd": lsd == "lsd", "enable_upnp": False,
    "enable_natpmp": False, "allow_multiple_connections_per_ip": True, "local_service_announce_interval": 5})
handle = session.add_torrent({"ti": lt.torrent_info(source), "save_path": folder})
if "nopex" in sys.argv[8:]:
    handle.set_flags(lt.torrent_flags.disable_pex)
    # Its calls come from where it listens, so that others can tell of it.
    session.apply_settings({"outgoing_interfaces": address})
if int(limit) > 0:
    handle.set_download_limit(int(limit))
if peer != "-":
    host, port = peer.rsplit(":", 1)
    handle.connect_peer((host, int(port)))
print("listening %s:%d" % (address, session.listen_port()), flush=True)
told = set()
is_complete = False
while True:
    for info in handle.get_peer_info():
        line = "peer %s:%d source %d" % (info.ip + (info.source,))
        if line not in told:
            told.add(line)
            print(line, flush=True)
    if handle.status().is_seeding and not is_complete:
        is_complete = True
        print("complete", flush=True)
    time.sleep(0.1)
