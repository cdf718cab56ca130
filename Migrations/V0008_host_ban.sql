-- Schema 8: hosts that aren't taken when they dial us.

CREATE TABLE host_ban (
    host   TEXT    NOT NULL PRIMARY KEY,                         -- an IPv4 address, or the first address of a /64 of IPv6
    reason TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The public interface.
CREATE VIEW v1_host_ban AS
    SELECT host, reason, at, until FROM host_ban;
