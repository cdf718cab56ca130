import Store

extension Connection {
    /// Marks the pieces of every torrent that was ever begun as unverified. Returns their number.
    func unverifyEverything() throws(StoreError) -> Int {
        try transaction(durability: .full) { () throws(StoreError) in
            let begun =
                "SELECT id FROM torrent AS t WHERE root_seen OR pieces_have > 0 OR EXISTS (SELECT 1 FROM bitfield WHERE torrent_id = t.id) ORDER BY id"
            var unverified = 0
            for id in try values(begun, as: TorrentID.self) {
                unverified += try pieces.unverify(id)
            }
            try execute(
                """
                UPDATE torrent SET error = NULL,
                    state = CASE WHEN paused THEN 'paused' WHEN piece_length IS NULL THEN 'metadata' ELSE 'queued' END
                """)
            // Metadata that can't be used is not fetched again.
            try execute(
                """
                UPDATE torrent SET state = 'error', error = magnet.unusable FROM magnet
                WHERE magnet.torrent_id = torrent.id AND magnet.unusable IS NOT NULL AND torrent.state = 'metadata'
                """)
            try execute("DELETE FROM live")
            return unverified
        }
    }
}
