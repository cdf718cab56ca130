#!/bin/sh
# Transmission and pieces find each other by the DHT alone. Transmission takes no node at 127.0.0.0/8, so all of them have
# addresses of a private network on the loopback device of a network namespace. Runs in that namespace, in an empty folder.
#
# usage: TransmissionDHT.sh fetch|serve PIECES NODES.py TORRENT DATA OUTPUT SOURCE
#
# fetch: Transmission has the torrent in DATA, and pieces downloads it to OUTPUT.
# serve: pieces has the torrent in its database, with its files in OUTPUT, and Transmission downloads it to DATA.
# SOURCE, the .torrent or a magnet link, is all that who downloads is given.
set -eu
verb=$1 pieces=$2 nodes=$3 torrent=$4 data=$5 output=$6 source=$7
# Transmission needs a minute until it begins.
patience=170

ip link set lo up
for host in 1 2 3; do ip addr add 10.77.0.$host/32 dev lo; done

python3 -W ignore "$nodes" 10.77.0.1 12 >nodes.txt &
children=$!
trap 'kill $children 2>/dev/null || true' EXIT
tries=0
until grep -q entry nodes.txt; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || { echo "the nodes don't find each other" >&2; exit 1; }
    sleep 0.1
done
entry=$(sed -n 's/^entry //p' nodes.txt)

mkdir transmission watched
# Transmission asks each line once, and a question or its answer may be lost on a busy machine.
for _ in 1 2 3 4; do echo "${entry%:*} ${entry#*:}"; done >transmission/dht.bootstrap
case $verb:$source in
serve:magnet:*) ;;
*) cp "$torrent" watched/it.torrent ;;
esac
transmission-daemon --foreground --config-dir transmission --download-dir "$data" --watch-dir watched --peerport 50123 \
    --port 50124 --rpc-bind-address 127.0.0.1 --bind-address-ipv4 10.77.0.2 --bind-address-ipv6 ::1 --no-portmap --dht \
    --no-lpd --no-utp --no-incomplete-dir --log-info 2>transmission.txt &
children="$children $!"

network="--bind 10.77.0.3 --listen-port 0 --no-lsd --no-pex --dht-bootstrap $entry"
case $verb in
fetch)
    # shellcheck disable=SC2086
    timeout $patience "$pieces" download "$source" --output "$output" $network || { cat transmission.txt >&2; exit 1; }
    ;;
serve)
    case $source in
    magnet:*)
        tries=0
        until transmission-remote 127.0.0.1:50124 --add "$source" >/dev/null 2>&1; do
            tries=$((tries + 1))
            [ $tries -lt 100 ] || { echo "Transmission takes no link" >&2; exit 1; }
            sleep 0.1
        done
        ;;
    esac
    # shellcheck disable=SC2086
    "$pieces" run $network &
    children="$children $!"
    tries=0
    until diff -rq "$output" "$data" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt $((patience * 2)) ] || { cat transmission.txt >&2; exit 1; }
        sleep 0.5
    done
    ;;
esac
