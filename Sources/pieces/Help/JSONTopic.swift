import Engine
import Library
import Torrent

/// Describes the output of the commands with `--json`. `pieces help json` and the article JSON are made from it.
package enum JSONTopic {
    private struct Section {
        let command: String
        /// The fields, in lines.
        let fields: String
        /// A paragraph on what the names don't say.
        var notes = ""
    }

    private static let introduction = [
        """
        Data is on standard output; numbers are in bytes, bytes per second, seconds, or seconds since 1970 (UTC), and \
        fractions are from 0 to 1. An unknown value is null. New versions may add fields, and remove none.
        """, Program.pathsInJSON,
    ]

    private static let sections = [
        Section(
            command: "errors, with --json, on standard error",
            fields: """
                {event: "error", message, hint, exit_code}
                {event: "problem", message}
                """,
            notes: """
                An `error` ends the command. A `problem` doesn't: a source that can't be read, a torrent that was refused, a \
                skipped link. Messages of the log (--log-level) stay text.
                """),
        Section(
            command: "add",
            fields: """
                {event, id, info_hash, name, state, output, total_bytes, trackers_added,
                 note}
                """,
            notes: """
                One object per line and torrent. `event` is added, or known for a torrent that was in the database; `note` is a \
                sentence about its new trackers.
                """),
        Section(
            command: "import",
            fields: """
                {event, id, info_hash, name, client, output, paused, bytes,
                 not_carried_over, note}
                {event: "hashed", id, info_hash, name, good, bad, missing}
                {event: "import_report", torrents, unhashed, absent,
                 awaiting_metadata, hashed_bytes, unhashed_bytes, wrong_pieces,
                 missing_pieces, ends_at,
                 damaged: [{id, info_hash, name, client, claimed_pieces,
                            wrong_pieces, missing_pieces, complete}]}
                """,
            notes: """
                One object per line for each torrent, and the report last; with --report only the report. `event` is \
                imported, known for a torrent that the database already had, or found with --dry-run. `bytes` is how \
                many are to be hashed. Wrong and missing pieces are those that the other client counted as complete.
                """),
        Section(
            command: "pause, resume", fields: "{event, id, info_hash, name}",
            notes: "One object per line and torrent. `event` is paused or resumed."),
        Section(
            command: "limit",
            fields: """
                {event: "limits", id, info_hash, name, download_limit, upload_limit,
                 max_peers, seed_goal, seed_ratio, seed_seconds, uploaded_bytes,
                 seeding_seconds, super_seed, read_only}
                """,
            notes: """
                One object per line and torrent. A limit of null is none, and `max_peers` of null the engine's default. \
                `seed_goal` is default, none, forever, ratio or time. `super_seed` of null is as the engine's options say.
                """),
        Section(
            command: "select",
            fields: """
                {event: "selected", id, info_hash, name, files_selected, wanted_bytes,
                 completed_bytes}
                """),
        Section(
            command: "label",
            fields: """
                {event: "labels", id, info_hash, name, labels: [name]}
                {label, torrents, wanted_bytes}
                """,
            notes: "One object per line, for each torrent or, without torrents, for each label."),
        Section(command: "note", fields: "{event: \"note\", id, info_hash, name, note, at}"),
        Section(
            command: "rename", fields: "{event: \"renamed\", id, info_hash, name, files_renamed}",
            notes: "`files_renamed` counts the files on disk that got other names."),
        Section(
            command: "manifest --format json",
            fields: """
                {torrents: [{id, info_hash, name, output,
                   files: [{path, length, sha256, read_at}],
                   without_sha256: [path], incomplete: [path], error}]}
                """,
            notes: """
                `read_at` is when all bytes of the file were last read and hashed, and null for a file without bytes. `error` is \
                null unless nothing is known of the files.
                """),
        Section(
            command: "manifest --check",
            fields: """
                {event: "compared", id, info_hash, path, hash, verdict, recorded, error}
                {event: "summary", files_same, files_different, files_not_compared,
                 files_not_in_list, list_entries_not_found, list_lines_not_read}
                """,
            notes: """
                One object per line, the summary last. `hash` is md5, sha1 or sha256. `verdict` is same, different, incomplete or \
                unreadable. With `recorded` the recorded SHA-256 was compared, and no byte was read.
                """),
        Section(
            command: "report",
            fields: """
                {since, until, log_begins, torrents, wanted_bytes, completed_bytes,
                 present_bytes, verified_bytes, oldest_verification,
                 torrents_incomplete_again,
                 events: {added, completed, verified, damaged, repaired, moved, removed,
                   offline, failed}}
                """,
            notes: """
                Each list of `events` has the objects of `log`, oldest first. `log_begins` is null unless events of the period \
                were deleted because the log is full. `verified_bytes` were read back since `since` and are still recorded as \
                present.
                """),
        Section(
            command: "remove",
            fields: """
                {event: "removed", id, info_hash, name, files_deleted}
                {event: "kept", id, info_hash, name, message}
                {event: "would_remove", id, info_hash, name, output, files: [path], kept}
                """,
            notes: """
                `files_deleted` is null if no files were to be deleted, or if the running engine deleted them. `kept` names files \
                that stay, and why. --dry-run prints would_remove.
                """),
        Section(
            command: "download, run",
            fields: """
                {event: "listening", address, port, pid}
                {event: "start", id, info_hash, name, state, error, complete,
                 wanted_bytes, completed_bytes, output}
                {event: "progress", id, info_hash, name, state, error, progress,
                 wanted_bytes, completed_bytes, pieces_have, pieces_to_check,
                 downloaded_bytes, uploaded_bytes, wasted_bytes, download_rate,
                 upload_rate, peers_connected, seeders_connected, eta_seconds}
                {event: "log", number, at, id, info_hash, kind, detail}
                {event: "end", id, info_hash, name, state, error, complete,
                 wanted_bytes, completed_bytes, output}
                {event: "stopped"}
                """,
            notes: "One object per line; progress each second."),
        Section(
            command: "volumes",
            fields: """
                {volumes: [{id, name, identity, mount_path, state, torrents,
                   torrents_offline, completed_bytes, missing_bytes, free_bytes,
                   total_bytes, reserve_bytes, oldest_verified_at, damaged_pieces,
                   repaired_pieces, last_seen, offline_since, marked,
                   other_machine, notes: [sentence]}]}
                """,
            notes: """
                `state` is online, read_only, or where the volume isn't: no_mount_point, empty_mount_point, \
                not_mounted (a folder with other files), automounter, replaced, elsewhere or silent. `marked` says \
                whether its root has the file .pieces-volume, and `other_machine` whether it was last used on another \
                machine. `damaged_pieces` aren't repaired yet.
                """),
        Section(
            command: "status",
            fields: """
                {engine: {running, pid, since},
                 mended: {at, what},
                 slots: {named_only, downloads, seeds, checks},
                 limits: {download, upload, alternative_until},
                 torrents: [{id, info_hash, name, state, error, progress, total_bytes,
                   wanted_bytes, completed_bytes, piece_length, piece_count,
                   pieces_have, downloaded_bytes, uploaded_bytes, wasted_bytes,
                   download_rate, upload_rate, peers_connected, seeders, leechers,
                   eta_seconds, added_at, completed_at, last_verified_at,
                   seeding_seconds, web_seeds, spread_pieces, labels: [name], note,
                   output, destination, bitfield}]}
                """,
            notes: """
                `running` is null if this user can read the database but can't see whether an engine is running; `since` is when \
                the engine started, or, if none is running, when the last one was last seen. `mended` is null except for a week \
                after the database was repaired or restored. `downloads`, `seeds` and `checks` are {limit, active, queued}: how \
                many torrents may be active at once (null: no limit), are active, and wait for a slot; with `named_only` the \
                engine works only on the torrents that its command named; `slots` is null without an engine. `state` is \
                downloading, metadata, seeding, checking, complete, paused, queued, no_space, offline or error. In the state metadata only \
                the magnet link is known, and `progress`, `total_bytes`, `wanted_bytes`, `piece_length` and `piece_count` are null. \
                `seeding_seconds` is how long the torrent was complete and available to peers. `web_seeds` counts its web \
                seeds; those of a .torrent that an earlier version added count once an engine has loaded it. `spread_pieces` is how many \
                pieces connected peers have, while the torrent super-seeds; otherwise null. `note` is what the user wrote, or null. `destination` \
                is the folder to which it moves when it is complete, or null if that is `output`. `limits` are those of the \
                running engine for all torrents together, in bytes per second (null: unlimited); `alternative_until` is when \
                the alternative limits end, and null while the usual ones hold. `bitfield` needs --pieces: the pieces that the \
                database records as \
                present, in hexadecimal; the first piece is the highest bit of the first byte. With --watch, one object per line.
                """),
        Section(
            command: "scrub",
            fields: """
                {engine_running, period, rate_limit, paused, since, sha256,
                 labels: [{label, period}],
                 volumes: [{id, mount_path, torrents, bytes, policy_bytes,
                   covered_bytes, oldest, lag_seconds, activity, rate, rate_limit,
                   due_bytes, ends_at, read_bytes, transients, held_at, held_reason,
                   damage_found, damage_repaired, damage_waiting,
                   damage_unavailable, damage_held}],
                 damage_count,
                 damage: [{id, piece, kind, state, path, file_offset, bytes,
                   bad_bytes, bad_bits, found_at, tries, source}]}
                """,
            notes: """
                A `period` of null means never. `since` is the time of `pieces scrub now`, until everything verified \
                before was read. `sha256` says whether files that have none get one on the way. \
                `policy_bytes` have a period, and `covered_bytes` of them were verified within it. \
                `activity` is reading, idle, paused or away, and null without an engine. `held_at` is when many bad \
                pieces stopped repairs. `damage` lists the first 1000 of the `damage_count` pieces that aren't repaired: `kind` is rot, \
                unreadable, edit or missing, and `state` waiting, unavailable, held or written (and not read back \
                yet). `scrub now`, `pause`, `resume` and `policy` print the fields up to `labels`.
                """),
        Section(
            command: "repair",
            fields: """
                {id, info_hash, name, asked, kept, damage: [as of scrub]}
                """,
            notes: "One object per line and torrent. `asked` counts pieces to be fetched, and `kept` edits that stay."),
        Section(
            command: "files",
            fields: """
                {id, info_hash, name, output, state, error,
                 files: [{index, path, length, wanted, pad, completed_bytes, progress,
                   metainfo_path, sha256}]}
                """,
            notes: """
                `completed_bytes` is the recorded value, also while the files can't be reached. `metainfo_path` differs from \
                `path` if the file was renamed. `sha256` is null unless it was computed: `pieces manifest`.
                """),
        Section(
            command: "peers",
            fields: """
                {id, info_hash, name, connected,
                 connections: [{address, incoming, client, progress, flags,
                   download_rate, upload_rate, downloaded_bytes, uploaded_bytes,
                   requests}],
                 peers: [{address, source, client, first_seen, last_seen, last_tried,
                   last_connected, failures, downloaded_bytes, uploaded_bytes,
                   hash_failures, rate, banned_until, ban_reason, told_good,
                   told_bad}]}
                """,
            notes: """
                `flags` has the letters that `pieces peers --help` explains. `told_good` and `told_bad` count the addresses \
                that we received from the peer by peer exchange: those to which a connection succeeded, and the others.
                """),
        Section(
            command: "trackers",
            fields: """
                {id, info_hash, name,
                 trackers: [{url, tier, next_announce_at, interval, min_interval,
                   failures, last_announce_at, last_success_at, last_error, warning,
                   seeders, leechers, downloads}]}
                """,
            notes: "A password in a URL is shown as ***."),
        Section(
            command: "webseeds",
            fields: """
                {id, info_hash, name,
                 web_seeds: [{url, origin, download_rate, best_rate,
                   downloaded_bytes, failures, last_error, rests_until,
                   last_used_at, files_lacking: [{index, path, reason, at}]}]}
                """,
            notes: """
                `origin` is metainfo, magnet or user. `download_rate` is 0 unless a running engine fetches from the web seed. \
                `rests_until` is null unless nothing is requested for a while. A password in a URL is shown as ***.
                """),
        Section(
            command: "dht",
            fields: """
                {engine_running, running, sentence,
                 families: [{family, node_id, external_address, port, problem,
                   good_nodes, known_nodes, lookups, stored_torrents, stored_peers, at,
                   read_only, external_votes, nodes_stored}],
                 nodes_stored, torrents_due, searches_waiting, searches_ended,
                 announces_accepted, packets_sent, packets_received, packets_dropped,
                 nodes: [{address, node_id, round_trip_ms, last_answer, verified}]}
                """,
            notes: """
                `family` is 4 or 6. `running` is whether the running engine uses the DHT; without one, what only it knows is \
                null. `read_only` is set, unreachable, or null if other nodes are answered. `nodes` is there with --nodes.
                """),
        Section(command: "log", fields: "{number, at, id, info_hash, kind, detail}", notes: "One object per line."),
        Section(
            command: "explain",
            fields: "{id, info_hash, name, state, causes: [{kind, sentence, advice}]}",
            notes: "`kind` is one of \(Explanation.Kind.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "))."),
        Section(
            command: "doctor", fields: "{findings: [{area, severity, sentence, advice}]}",
            notes: "`severity` is fine, notice or problem."),
        Section(
            command: "verify",
            fields: """
                {event: "torrent", id, info_hash, name, outcome, offline, error,
                 pieces_checked, pieces_good, pieces_bad, pieces_missing,
                 pieces_unreadable, pieces_adopted, pieces_damaged,
                 pieces_confirmed_before, files: [{index, path, state, pieces_good,
                   pieces_bad, pieces_missing, pieces_shared, changed_outside}]}
                {event: "waiting", id, info_hash, name, pid}
                {event: "summary", torrents, torrents_damaged, torrents_failed,
                 torrents_offline, bytes, seconds, interrupted}
                """,
            notes: """
                One object per line, the summary last; waiting while another process (`pid`) verifies the torrent. `id` is null if the torrent was not added. The `state` of a file is good, \
                bad, missing, shares or unknown; `pieces_shared` counts its bad and missing pieces that may be another file's \
                fault.
                """),
        Section(
            command: "create",
            fields: """
                {file, info_hash, name, total_bytes, piece_length, piece_count, files,
                 links_skipped}
                """),
        Section(
            command: "show",
            fields: """
                {info_hash, info_hash_v2, name, total_bytes, piece_length, piece_count,
                 private, files: [{path, length, pad}], trackers: [[url]], web_seeds,
                 comment, created_by, creation_date,
                 not_used: [{key, value, reason}]}
                """,
            notes: """
                `info_hash_v2` is null unless the torrent is a hybrid of v1 and v2. Paths are as they are written on disk. \
                Of a magnet link only info_hash, info_hash_v2, name, trackers, web_seeds and peers are known. \
                `not_used` lists values of the .torrent that pieces can't use. Texts are shown up to \
                \(Metainfo.maximumTextBytes) bytes; for a longer one, `not_used` has its length.
                """),
        Section(
            command: "magnet", fields: "{id, info_hash, info_hash_v2, name, magnet, urls_left_out}",
            notes: """
                `magnet` is the link. `urls_left_out` counts the URLs with a password, which are in the link only with --force.
                """),
        Section(command: "database check", fields: "{database, sound, faults: [sentence]}"),
        Section(
            command: "database restore", fields: "{database, backup, set_aside, torrents, pieces_to_check}"),
        Section(
            command: "database salvage",
            fields: """
                {database, damage, set_aside, backup_at, salvaged, from_backup,
                 lost: [name], pieces_to_check}
                """,
            notes: "Without damage, `damage` is null and the fields after it are missing."),
    ]

    /// What `pieces help json` prints.
    static var text: String {
        var lines = ["The output of commands with --json", ""]
        for paragraph in introduction { lines += paragraph.lines(within: Help.columns) + [""] }
        for section in sections {
            lines += [section.command] + section.fields.split(separator: "\n").map { "  \($0)" }
            if !section.notes.isEmpty { lines += section.notes.lines(within: Help.columns - 2).map { "  \($0)" } }
            lines.append("")
        }
        return lines.joined(separator: "\n")
    }

    /// The article JSON, in Markdown.
    package static var article: String {
        let width = 120
        var lines = ["# JSON", "", "The fields that commands print with `--json`, for programs that read them."]
        lines += ["", "`pieces help json` prints the same.", ""]
        for paragraph in introduction { lines += paragraph.lines(within: width) + [""] }
        for section in sections {
            lines += ["## \(section.command)", "", "```"] + section.fields.split(separator: "\n").map(String.init)
            lines += ["```", ""]
            if !section.notes.isEmpty { lines += section.notes.lines(within: width) + [""] }
        }
        return lines.joined(separator: "\n")
    }
}
