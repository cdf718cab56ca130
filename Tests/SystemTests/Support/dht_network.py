"""A network of DHT nodes on loopback, each a session of libtorrent.

usage: dht_network.py HOST COUNT [seed|leech TORRENT FOLDER]

TORRENT is a .torrent or a magnet link.

Prints `entry HOST:PORT` when every node knows others, and `complete` when the leecher has everything. The last node has
the torrent. Ends with the process that started it.
"""

import os
import sys
import time

import libtorrent

# What a session needs to talk to others at one loopback address, and to nothing else.
SETTINGS = {
    "enable_dht": True,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "dht_bootstrap_nodes": "",
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_ignore_dark_internet": False,
    "dht_prefer_verified_node_ids": False,
    "dht_enforce_node_id": False,
    "dht_announce_interval": 3,
    # All nodes share one address, and libtorrent ignores an address for five minutes that sent 50 messages in ten
    # seconds: at its start a node gets 30 here.
    "dht_block_ratelimit": 1_000_000,
    "dht_upload_rate_limit": 10_000_000,
    "allow_multiple_connections_per_ip": True,
    "ssrf_mitigation": False,
    "alert_mask": 0,
}


def main():
    host, count = sys.argv[1], int(sys.argv[2])
    name = f"[{host}]" if ":" in host else host
    sessions = [libtorrent.session({**SETTINGS, "listen_interfaces": f"{name}:0"}) for _ in range(count)]
    for session in sessions:
        while session.listen_port() == 0:
            time.sleep(0.01)
    ports = [session.listen_port() for session in sessions]
    for session in sessions:
        for port in ports:
            if port != session.listen_port():
                session.add_dht_node((host, port))
    while any(session.status().dht_nodes < min(count - 1, 4) for session in sessions):
        time.sleep(0.05)
    print(f"entry {name}:{ports[0]}", flush=True)
    torrent = None
    if len(sys.argv) > 3:
        if sys.argv[4].startswith("magnet:"):
            parameters = libtorrent.parse_magnet_uri(sys.argv[4])
        else:
            parameters = libtorrent.add_torrent_params()
            parameters.ti = libtorrent.torrent_info(sys.argv[4])
        parameters.save_path = sys.argv[5]
        if sys.argv[3] == "seed":
            parameters.flags = libtorrent.torrent_flags.seed_mode
        torrent = sessions[-1].add_torrent(parameters)
    parent = os.getppid()
    is_complete = False
    while os.getppid() == parent:
        time.sleep(0.5)
        if torrent is None:
            continue
        if torrent.status().is_seeding and not is_complete:
            is_complete = True
            print("complete", flush=True)
        # Each call begins a lookup anew, so that one has to end in between.
        if int(time.time()) % 4 == 0:
            torrent.force_dht_announce()


main()
