#!/bin/sh
# A new user's path, with nothing but the built program: install, download, kill, resume, a service with ten torrents, a
# move to another disk, an upgrade, uninstall. Arguments: the program, a folder with first.torrent and ten more, and a
# folder on another disk. Every step checks what the user would look at.
set -eu
built="$1" torrents="$2" disk="$3"
fail() { echo "FAILED: $*" >&2; exit 1; }
# Waits until the command succeeds.
until_true() {
    tries=0
    until eval "$1" > /dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "waited in vain for: $1"
        sleep 0.2
    done
}
network="--bind 127.0.0.1 --listen-port 0"

echo "== install"
"$built" install --prefix "$HOME/.local"
export PATH="$HOME/.local/bin:$PATH"
[ "$(command -v pieces)" = "$HOME/.local/bin/pieces" ] || fail "the installed program isn't on the PATH"
pieces --version
[ -s "$HOME/.local/share/man/man1/pieces-download.1" ] || fail "there is no man page"

echo "== download, kill, resume"
cd "$HOME"
# shellcheck disable=SC2086
pieces download "$torrents/first.torrent" --output Downloads --download-limit 1M $network > first.log 2>&1 &
download=$!
until_true 'pieces status first.bin --json | grep -q "\"pieces_have\":[1-9]"'
kill -9 "$download"
wait "$download" || true
before=$(pieces status first.bin --json | sed 's/.*"pieces_have":\([0-9]*\).*/\1/')
[ "$before" -gt 0 ] || fail "nothing was kept"
pieces limit first.bin --download none
# By its name: the .torrent is in the database.
# shellcheck disable=SC2086
pieces download first.bin $network | tee again.log
grep -q "complete" again.log || fail "the download didn't say that it is complete"

echo "== a service with ten torrents"
pieces settings set output "$HOME/mirror"
pieces settings set on-complete "cat >> $HOME/completed.json"
pieces service install --user --unit-directory "$HOME/units"
command=$(sed -n 's/^ExecStart=//p' "$HOME/units/pieces.service")
# shellcheck disable=SC2086
$command $network > service.log 2>&1 &
service=$!
until_true '[ "$(pieces status --json | grep -c "\"running\":true")" = 1 ]'
pieces add "$torrents"/ten/*.torrent
until_true '[ "$(pieces status --json | grep -o "\"state\":\"seeding\"" | wc -l)" = 11 ]'
until_true '[ "$(grep -c "\"event\":\"complete\"" completed.json)" -ge 10 ]'
pieces status

echo "== a move to another disk"
cp Downloads/first.bin before.bin
pieces move first.bin "$disk"
cmp before.bin "$disk/first.bin" || fail "the moved file differs"
[ ! -e Downloads/first.bin ] || fail "the old file is still there"
until_true 'pieces status first.bin --json | grep -q "\"state\":\"seeding\""'

echo "== an upgrade"
"$built" install --prefix "$HOME/.local"
kill -TERM "$service"
wait "$service" || fail "the service ended with an error"
# shellcheck disable=SC2086
$command $network > service.log 2>&1 &
service=$!
until_true '[ "$(pieces status --json | grep -o "\"state\":\"seeding\"" | wc -l)" = 11 ]'
pieces verify --all | tail -n 1
kill -TERM "$service"
wait "$service" || fail "the upgraded service ended with an error"
pieces log first.bin

echo "== uninstall"
pieces service uninstall --user --unit-directory "$HOME/units"
"$built" uninstall --prefix "$HOME/.local"
[ ! -e "$HOME/.local/bin/pieces" ] || fail "the program is still there"
[ -s "$HOME/.local/state/pieces/pieces.db" ] || fail "the database is gone"
echo "== done"
