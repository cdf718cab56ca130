// Room: TrackerWire.
// Duty: announces and scrapes as bytes: HTTP (BEP 3, 7, 23, 31, 48) and UDP (BEP 15, 41); responses of web seeds
// (BEP 19).
// Owns: a tracker's URL, requests and responses of both transports, the state machine of one UDP request.
// Never: opens a socket, reads a clock, generates random numbers, traps on a tracker's bytes.
// Invariants: every list from a tracker is limited; every interval lies in a named range; no error message contains the
// path or query of a URL, where private trackers keep passkeys, nor the password before its `@`.
