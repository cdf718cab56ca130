/// The tables of the database, each with its queries in a file of this folder. A type has one table, or a few that only
/// make sense together.
extension Connection {
    /// Torrents with their settings, states and sums (`torrent`).
    package var torrents: TorrentTable { TorrentTable(db: self) }
    /// What `pieces status` shows of each torrent (`torrent`, `live` and `tracker`, side by side).
    package var status: StatusQuery { StatusQuery(db: self) }
    /// How long torrents have seeded (`seed_clock` and columns of `torrent`).
    package var seedTimes: SeedTimeTable { SeedTimeTable(db: self) }
    /// The order in which torrents wait for a slot (`yielded`).
    package var queue: QueueTable { QueueTable(db: self) }
    /// The folders that torrents are in (`folder` and a column of `torrent`).
    package var roots: RootTable { RootTable(db: self) }
    /// The folders to which complete torrents move (`destination`).
    package var destinations: DestinationTable { DestinationTable(db: self) }
    /// Labels of torrents (`label`).
    package var labels: LabelTable { LabelTable(db: self) }
    /// The user's notes about torrents (`note`).
    package var notes: NoteTable { NoteTable(db: self) }
    /// The .torrent files (`metainfo`).
    package var metainfos: MetainfoTable { MetainfoTable(db: self) }
    /// Torrents that are known only by their magnet link, and the blocks of their metadata (`magnet` and
    /// `metadata_block`).
    package var magnets: MagnetTable { MagnetTable(db: self) }
    /// The names of files as they were when their torrents were added (`path`).
    package var paths: PathTable { PathTable(db: self) }
    /// Other names that files have here (`renamed`, and `move_name` while they get them).
    package var renames: RenameTable { RenameTable(db: self) }
    /// Which pieces are present, and which may have been written (`bitfield` and `partial_piece`).
    package var pieces: PieceTable { PieceTable(db: self) }
    /// Files: selection, progress, fingerprints, ownership (`file`).
    package var files: FileTable { FileTable(db: self) }
    /// The SHA-256 of verified files (`digest`).
    package var digests: DigestTable { DigestTable(db: self) }
    /// Known peers and their bans (`peer`).
    package var peers: PeerTable { PeerTable(db: self) }
    /// Hosts whose incoming connections are refused (`host_ban`).
    package var hostBans: HostBanTable { HostBanTable(db: self) }
    /// Trackers of torrents, with their announces and scrapes (`tracker`).
    package var trackers: TrackerTable { TrackerTable(db: self) }
    /// Web seeds of torrents, and what is known of their files (`web_seed` and `web_seed_file`).
    package var webSeeds: WebSeedTable { WebSeedTable(db: self) }
    /// Servers of trackers that asked for a pause (`tracker_host`).
    package var trackerHosts: TrackerHostTable { TrackerHostTable(db: self) }
    /// Our nodes in the DHT, those that answered, and what is planned for torrents (`dht`, `dht_node` and `dht_near`).
    package var dht: DHTTable { DHTTable(db: self) }
    /// Payload that is being moved to another folder (`move` and `move_file`).
    package var moves: MoveTable { MoveTable(db: self) }
    /// Torrents that were taken over from other clients (`imported`).
    package var imports: ImportTable { ImportTable(db: self) }
    /// File systems on which payloads were seen (`volume`).
    package var volumes: VolumeTable { VolumeTable(db: self) }
    /// How often verified bytes are read back, and what came of it (`scrub_torrent`, `scrub_label`, `scrub_volume`).
    package var scrubs: ScrubTable { ScrubTable(db: self) }
    /// Pieces that were recorded as present and turned out not to be (`damage`).
    package var damage: DamageTable { DamageTable(db: self) }
    /// A running engine's current reports (`live` and `live_peer`).
    package var live: LiveTable { LiveTable(db: self) }
    /// Runs of the engine, with their heartbeats and slots (`run`).
    package var runs: RunTable { RunTable(db: self) }
    /// The log of what happened (`event`).
    package var events: EventTable { EventTable(db: self) }
    /// What a report says of all torrents (`torrent`, `bitfield` and `event`).
    package var custody: CustodyQuery { CustodyQuery(db: self) }
    /// Requests of commands to a running engine (`intent`).
    package var intents: IntentTable { IntentTable(db: self) }
    /// Values that were set for the whole database (`setting`).
    package var settings: SettingTable { SettingTable(db: self) }
    /// Bytes transferred on each day (`traffic`).
    var traffic: TrafficTable { TrafficTable(db: self) }
}
