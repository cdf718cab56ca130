#!/bin/sh
# Transmission and pieces find each other by local discovery, or tell each other of a third peer. Transmission takes no
# peer at 127.0.0.0/8, so all of them have addresses of a private network on the loopback device of a network namespace.
# Runs in that namespace, in an empty folder.
#
# usage: TransmissionLocal.sh fetch|serve|hear|tell PIECES PEER.py TORRENT DATA OUTPUT FULL SOURCE
#
# fetch: Transmission has the torrent in DATA, and pieces downloads it to OUTPUT by local discovery.
# serve: pieces has the torrent in its database, with its files in OUTPUT, and Transmission downloads it to DATA.
# hear: libtorrent has the torrent in FULL, Transmission downloads from it slowly, and pieces knows Transmission alone.
# tell: the same with pieces in the middle. Succeeds when Transmission dials libtorrent.
# SOURCE, the .torrent or a magnet link, is all that pieces is given to download.
set -eu
verb=$1 pieces=$2 peer=$3 torrent=$4 data=$5 output=$6 full=$7 source=$8
patience=270

ip link set lo up multicast on
for host in 1 2 3; do ip addr add 10.77.0.$host/32 dev lo; done
# Transmission sends its announcements from the address of the route.
ip route add 239.0.0.0/8 dev lo src 10.77.0.2
children=
trap 'kill $children 2>/dev/null || true' EXIT

# Waits until the command succeeds, and fails with what the programs said.
await() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt $((patience * 2)) ] || { echo "never: $*" >&2; cat ./*.txt >&2; exit 1; }
        sleep 0.5
    done
}

seed() {
    python3 -W ignore "$peer" seed "$torrent" "$full" 10.77.0.1 quiet "$1" 0 nopex >seed.txt &
    children="$children $!"
    await grep -q listening seed.txt
    seed=$(sed -n 's/^listening //p' seed.txt)
}

mkdir transmission watched
cp "$torrent" watched/it.torrent
transmission() {
    transmission-daemon --foreground --config-dir transmission --download-dir "$data" --watch-dir watched \
        --peerport 50123 --port 50124 --rpc-bind-address 127.0.0.1 --bind-address-ipv4 10.77.0.2 \
        --bind-address-ipv6 ::1 --no-portmap --no-dht "$1" --no-utp --no-incomplete-dir --log-debug 2>transmission.txt &
    children="$children $!"
    await transmission-remote 127.0.0.1:50124 --list
}

download() { timeout $patience "$pieces" download "$source" --output "$output" "$@" || { cat ./*.txt >&2; exit 1; }; }

network="--bind 10.77.0.3 --no-dht"
# shellcheck disable=SC2086
case $verb in
fetch)
    transmission --lpd
    PIECES_LSD=on download $network --listen-port 0
    ;;
serve)
    PIECES_LSD=on "$pieces" run $network --listen-port 0 &
    children="$children $!"
    transmission --lpd
    await diff -rq "$output" "$data"
    ;;
hear)
    echo '{"speed-limit-down": 5, "speed-limit-down-enabled": true}' >transmission/settings.json
    transmission --no-lpd
    seed 10.77.0.2:50123
    download $network --listen-port 0 --peer 10.77.0.2:50123
    ;;
tell)
    echo '{"speed-limit-down": 10, "speed-limit-down-enabled": true}' >transmission/settings.json
    seed -
    transmission --no-lpd
    "$pieces" download "$source" --output "$output" $network --listen-port 0 --download-limit 30K --peer "$seed" \
        --peer 10.77.0.2:50123 >pieces.txt 2>&1 &
    children="$children $!"
    await grep -q "peer 10.77.0.2:.* source 32" seed.txt
    ;;
esac
