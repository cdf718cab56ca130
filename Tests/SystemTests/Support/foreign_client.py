"""Lets a real client make the state that `pieces import` reads.

Usage: foreign_client.py CLIENT WORK SPEC

SPEC is JSON: {"port": N, "rpc": N, "torrents": [{"file", "hash", "folder", "name", "paused", "labels",
"unwanted": [index], "renamed": [[index, old path, new path]], "ratio", "upload_limit", "complete": bytes}]}.
`complete` is how many bytes of wanted pieces the client must have found before it ends.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import uuid
import xmlrpc.client

client, work, spec = sys.argv[1], sys.argv[2], json.load(open(sys.argv[3]))
torrents = spec["torrents"]
port, rpc = spec["port"], spec["rpc"]
os.makedirs(work, exist_ok=True)


def until(what, condition, limit=120):
    end = time.monotonic() + limit
    while True:
        try:
            value = condition()
        except (OSError, urllib.error.URLError) as error:
            value, what = None, f"{what}: {error}"
        if value:
            return value
        if time.monotonic() > end:
            sys.exit(f"waited in vain for {what}")
        time.sleep(0.1)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def start(arguments, environment=None):
    log = open(os.path.join(work, "client.log"), "w")
    return subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(environment or {})})


def end(process, limit=60):
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        sys.exit(f"{client} didn't end")


def call(url, data=None, headers=None):
    request = urllib.request.Request(url, data=data, headers=headers or {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


def qbittorrent():
    profile = os.path.join(work, "qBittorrent", "config", "qBittorrent.conf")
    storage = "SQLite" if spec.get("sqlite") else "Legacy"
    write(profile, f"""[LegalNotice]
Accepted=true
[Preferences]
WebUI\\Address=127.0.0.1
WebUI\\Port={rpc}
WebUI\\LocalHostAuth=false
WebUI\\CSRFProtection=false
[BitTorrent]
Session\\Port={port}
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\Interface=lo
Session\\ResumeDataStorageType={storage}
Session\\QueueingSystemEnabled=false
""")
    process = start(["qbittorrent-nox", f"--profile={work}"])
    api = f"http://127.0.0.1:{rpc}/api/v2/"

    def post(path, **fields):
        return call(api + path, urllib.parse.urlencode(fields).encode())

    until("qBittorrent to answer", lambda: call(api + "app/version"))
    for torrent in torrents:
        boundary = uuid.uuid4().hex
        fields = {
            "savepath": torrent["folder"], "autoTMM": "false", "contentLayout": "Original",
            "paused": "false", "tags": ",".join(torrent["labels"][1:]),
            "category": torrent["labels"][0] if torrent["labels"] else "",
        }
        body = b""
        for name, value in fields.items():
            body += (f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n').encode()
        body += (f'--{boundary}\r\nContent-Disposition: form-data; name="torrents"; filename="t.torrent"\r\n'
                 "Content-Type: application/x-bittorrent\r\n\r\n").encode()
        body += open(torrent["file"], "rb").read() + f"\r\n--{boundary}--\r\n".encode()
        call(api + "torrents/add", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def info(torrent):
        found = json.loads(call(api + "torrents/info?hashes=" + torrent["hash"]))
        return found[0] if found else None

    for torrent in torrents:
        until(f"{torrent['name']} to be there", lambda: info(torrent))
        until(f"{torrent['name']} to be checked", lambda: not info(torrent)["state"].startswith("checking"))
        for index in torrent["unwanted"]:
            post("torrents/filePrio", hash=torrent["hash"], id=index, priority=0)
        for _, old, new in torrent["renamed"]:
            post("torrents/renameFile", hash=torrent["hash"], oldPath=old, newPath=new)
        if torrent.get("ratio"):
            post("torrents/setShareLimits", hashes=torrent["hash"], ratioLimit=torrent["ratio"],
                 seedingTimeLimit=-2, inactiveSeedingTimeLimit=-2)
        if torrent.get("upload_limit"):
            post("torrents/setUploadLimit", hashes=torrent["hash"], limit=torrent["upload_limit"])
        if torrent["paused"]:
            post("torrents/pause", hashes=torrent["hash"])
        until(f"{torrent['name']} to be found, not {info(torrent)}",
              lambda: info(torrent)["completed"] >= torrent["complete"])
    time.sleep(1)
    post("app/shutdown")
    end(process)


def transmission():
    # The watch folder, the lock and the rest are the daemon's; what we read are resume/ and torrents/.
    process = start([
        "transmission-daemon", "--foreground", "--config-dir", work, "--port", str(rpc), "--rpc-bind-address",
        "127.0.0.1", "--bind-address-ipv4", "127.0.0.1", "--peerport", str(port), "--no-portmap", "--no-dht",
        "--no-lpd", "--no-utp", "--no-incomplete-dir", "--no-auth", "--log-error"])
    url = f"http://127.0.0.1:{rpc}/transmission/rpc"
    session = [""]

    def ask(method, **arguments):
        data = json.dumps({"method": method, "arguments": arguments}).encode()
        for _ in range(2):
            try:
                answer = json.loads(call(url, data, {"X-Transmission-Session-Id": session[0]}))
                if answer["result"] != "success":
                    sys.exit(f"{method}: {answer}")
                return answer["arguments"]
            except urllib.error.HTTPError as error:
                if error.code != 409:
                    raise
                session[0] = error.headers["X-Transmission-Session-Id"]

    until("Transmission to answer", lambda: ask("session-get"))
    for torrent in torrents:
        ask("torrent-add", filename=torrent["file"], paused=True, **{"download-dir": torrent["folder"]})
        ids = [torrent["hash"]]

        def fields(*names):
            return ask("torrent-get", ids=ids, fields=list(names))["torrents"][0]

        ask("torrent-verify", ids=ids)
        until(f"{torrent['name']} to be found, not {fields('status', 'haveValid')}",
              lambda: fields("status", "haveValid") ["status"] == 0
              and fields("haveValid")["haveValid"] >= torrent["complete"])
        for _, old, new in torrent["renamed"]:
            ask("torrent-rename-path", ids=ids, path=old, name=new.split("/")[-1])
        settings = {"labels": torrent["labels"]}
        if torrent["unwanted"]:
            settings["files-unwanted"] = torrent["unwanted"]
        if torrent.get("ratio"):
            settings.update({"seedRatioLimit": torrent["ratio"], "seedRatioMode": 1})
        if torrent.get("upload_limit"):
            settings.update({"uploadLimit": torrent["upload_limit"] // 1000, "uploadLimited": True})
        ask("torrent-set", ids=ids, **settings)
        if not torrent["paused"]:
            ask("torrent-start", ids=ids)
    time.sleep(1)
    ask("session-close")
    end(process)


def rtorrent():
    session = os.path.join(work, "session")
    os.makedirs(session, exist_ok=True)
    path = os.path.join(work, "rpc")
    config = os.path.join(work, "rtorrent.rc")
    write(config, f"""session.path.set = {session}
network.port_range.set = {port}-{port}
network.bind_address.set = 127.0.0.1
dht.mode.set = disable
protocol.pex.set = no
trackers.use_udp.set = no
pieces.hash.on_completion.set = no
system.daemon.set = true
network.scgi.open_local = {path}
""")
    process = start(["rtorrent", "-n", "-o", f"import={config}"], {"TERM": "xterm", "HOME": work})

    def ask(method, *arguments):
        body = xmlrpc.client.dumps(arguments, method).encode()
        head = f"CONTENT_LENGTH\0{len(body)}\0SCGI\x001\0".encode()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(path)
            connection.sendall(f"{len(head)}:".encode() + head + b"," + body)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        return xmlrpc.client.loads(answer.split(b"\r\n\r\n", 1)[1])[0][0]

    until("rTorrent to answer", lambda: ask("system.client_version"))
    for torrent in torrents:
        # The folder is the torrent's own if it has several files.
        own = torrent.get("own_folder")
        where = f'd.directory_base.set="{own}"' if own else f'd.directory.set="{torrent["folder"]}"'
        ask("load.normal", "", torrent["file"], where)
        name = torrent["hash"].upper()

        def known():
            try:
                return ask("d.name", name)
            except xmlrpc.client.Fault:
                return None

        until(f"{torrent['name']} to be there", known)
        if torrent["labels"]:
            ask("d.custom1.set", name, urllib.parse.quote(torrent["labels"][0]))
        ask("d.check_hash", name)
        until(f"{torrent['name']} to be checked", lambda: ask("d.hashing", name) == 0 and ask("d.is_hash_checked", name))
        for index in torrent["unwanted"]:
            ask("f.priority.set", f"{name}:f{index}", 0)
        ask("d.update_priorities", name)
        if not torrent["paused"]:
            ask("d.start", name)
        until(f"{torrent['name']} to be found, not {ask('d.completed_bytes', name)}",
              lambda: ask("d.completed_bytes", name) >= torrent["complete"])
    ask("session.save")
    ask("system.shutdown.normal")
    end(process)


def deluge():
    try:
        from twisted.internet import defer, reactor
    except ModuleNotFoundError:
        # Debian's Deluge is for Debian's Python, which needn't be the first in PATH.
        debian = "/usr/bin/python3"
        if sys.executable == debian:
            raise
        os.execv(debian, [debian] + sys.argv)
    from deluge.ui.client import client as daemon

    config = os.path.join(work, "config")
    write(os.path.join(config, "auth"), "tester:secret:10\n")
    write(os.path.join(config, "core.conf"), '{"file": 1, "format": 1}' + json.dumps({
        "dht": False, "lsd": False, "upnp": False, "natpmp": False, "utpex": False, "random_port": False,
        "listen_ports": [port, port], "listen_interface": "127.0.0.1", "daemon_port": rpc}))
    process = start(["deluged", "-d", "-c", config, "-p", str(rpc), "-i", "127.0.0.1", "-u", "127.0.0.1"])

    def answers():
        with socket.create_connection(("127.0.0.1", rpc), 5):
            return True

    until("Deluge to answer", answers)
    fault = []

    @defer.inlineCallbacks
    def work_on_it():
        import base64
        yield daemon.connect("127.0.0.1", rpc, "tester", "secret")
        for torrent in torrents:
            data = base64.b64encode(open(torrent["file"], "rb").read())
            options = {"download_location": torrent["folder"], "add_paused": False}
            count = torrent.get("files", 0)
            if torrent["unwanted"]:
                options["file_priorities"] = [0 if n in torrent["unwanted"] else 4 for n in range(count)]
            yield daemon.core.add_torrent_file("t.torrent", data, options)
            for _ in range(600):
                status = yield daemon.core.get_torrent_status(
                    torrent["hash"], ["state", "total_wanted_done", "total_done"])
                if status["state"] not in ("Checking", "Allocating", "Queued") and (
                        status["total_done"] >= torrent["complete"]):
                    break
                yield later(0.1)
            else:
                fault.append(f"{torrent['name']} wasn't found: {status}")
            if torrent["renamed"]:
                yield daemon.core.rename_files(torrent["hash"], [(i, new) for i, _, new in torrent["renamed"]])
            if torrent["paused"]:
                yield daemon.core.pause_torrent(torrent["hash"])
        yield later(1)
        yield daemon.daemon.shutdown()

    def later(seconds):
        wait = defer.Deferred()
        reactor.callLater(seconds, wait.callback, None)
        return wait

    def stop(result):
        # The daemon hangs up when it ends.
        if reactor.running:
            reactor.stop()

    work_on_it().addBoth(stop)
    reactor.callLater(150, lambda: (fault.append("it took too long"), reactor.stop()))
    reactor.run()
    if fault:
        process.kill()
        sys.exit(f"Deluge: {fault}")
    end(process)


def aria2():
    # A session of its own for all; what is complete leaves no control file.
    session = os.path.join(work, "aria2.session")
    lines = []
    for torrent in torrents:
        lines += [torrent["file"], f" dir={torrent['folder']}"]
        if torrent["unwanted"]:
            wanted = [n + 1 for n in range(torrent["files"]) if n not in torrent["unwanted"]]
            lines.append(" select-file=" + ",".join(map(str, wanted)))
        for index, _, new in torrent["renamed"]:
            lines.append(f" index-out={index + 1}={new}")
        if torrent["paused"]:
            lines.append(" pause=true")
        if torrent.get("ratio"):
            lines.append(f" seed-ratio={torrent['ratio']}")
    write(os.path.join(work, "input"), "\n".join(lines) + "\n")
    process = start([
        "aria2c", "--no-conf=true", f"--input-file={work}/input", f"--save-session={session}", "--force-save=true",
        f"--listen-port={port}", "--interface=127.0.0.1", "--disable-ipv6=true", "--enable-dht=false",
        "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false", "--file-allocation=none",
        "--check-integrity=true", "--bt-hash-check-seed=true", "--enable-rpc=true", f"--rpc-listen-port={rpc}",
        "--seed-ratio=0.0", "--bt-stop-timeout=0", "--max-concurrent-downloads=50"])
    server = xmlrpc.client.ServerProxy(f"http://127.0.0.1:{rpc}/rpc")
    until("aria2 to answer", lambda: server.aria2.getVersion())

    def done(torrent):
        for found in server.aria2.tellActive() + server.aria2.tellWaiting(0, 100) + server.aria2.tellStopped(0, 100):
            if found.get("infoHash") == torrent["hash"]:
                if torrent["paused"] and found["status"] == "paused":
                    return True
                return int(found["completedLength"]) >= torrent["complete"] and "verifiedLength" not in found
        return False

    for torrent in torrents:
        until(f"{torrent['name']} to be found", lambda: done(torrent))
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    end(process)


def libtorrent():
    import libtorrent as lt
    session = lt.session({
        "listen_interfaces": f"127.0.0.1:{port}", "enable_dht": False, "enable_lsd": False, "enable_upnp": False,
        "enable_natpmp": False, "alert_mask": lt.alert.category_t.all_categories})
    handles = []
    for torrent in torrents:
        info = lt.torrent_info(torrent["file"])
        parameters = lt.add_torrent_params()
        parameters.ti, parameters.save_path = info, torrent["folder"]
        handle = session.add_torrent(parameters)
        handles.append(handle)
        until(f"{torrent['name']} to be checked", lambda: handle.status().state not in (
            lt.torrent_status.checking_files, lt.torrent_status.checking_resume_data))
        for index in torrent["unwanted"]:
            handle.file_priority(index, 0)
        for index, _, new in torrent["renamed"]:
            handle.rename_file(index, new)
        if torrent.get("upload_limit"):
            handle.set_upload_limit(torrent["upload_limit"])
        until(f"{torrent['name']} to be found, not {handle.status().total_done}",
              lambda: handle.status().total_done >= torrent["complete"])
        if torrent["paused"]:
            handle.unset_flags(lt.torrent_flags.auto_managed)
            handle.pause()
    time.sleep(1)
    for torrent, handle in zip(torrents, handles):
        handle.save_resume_data(lt.save_resume_flags_t.save_info_dict)
        saved = []

        def take():
            for alert in session.pop_alerts():
                if isinstance(alert, lt.save_resume_data_alert) and alert.handle == handle:
                    saved.append(alert.params)
            return saved

        until(f"the resume data of {torrent['name']}", take)
        with open(os.path.join(work, f"{torrent['name']}.resume"), "wb") as file:
            file.write(lt.write_resume_data_buf(saved[0]))


{"qbittorrent": qbittorrent, "transmission": transmission, "rtorrent": rtorrent, "deluge": deluge, "aria2": aria2,
 "libtorrent": libtorrent}[client]()
print("done", flush=True)
