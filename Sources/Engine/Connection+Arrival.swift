package import Store
package import Torrent

extension Connection {
    /// Makes a torrent an ordinary one, because its metadata has arrived. If another torrent has other content for one
    /// of its paths, it is paused with an error, as `add` refuses a .torrent. Returns `nil` when the torrent doesn't
    /// wait for metadata any more.
    package func metadataArrived(_ id: TorrentID, _ metainfo: Metainfo, now: Timestamp) throws(StoreError)
        -> MagnetTable.Arrival?
    {
        try magnets.arrived(id, metainfo, now: now) { wanted throws(StoreError) in
            try pathConflict(of: id, metainfo, wanted)
        }
    }

    private func pathConflict(of id: TorrentID, _ metainfo: Metainfo, _ wanted: [Bool]) throws(StoreError) -> String? {
        // The links of the folder were resolved when the torrent was added. No disk is asked here, because one that
        // hangs would hold up the database.
        let folders = [try torrents.resolvedOutput(id), try destinations.row(id)?.folder].compactMap(\.self)
        for folder in folders {
            let conflicts = try PathConflicts(self, output: folder, resolved: folder) { other in
                "move it with `pieces move \(id) FOLDER`, or remove torrent \(other); then `pieces resume \(id)`"
            }
            if let reason = try conflicts.refusal(of: metainfo, wanted: wanted, moved: id) {
                // The sentence becomes the torrent's own, which is shown with its name.
                let name = metainfo.name.printable + ": "
                return reason.hasPrefix(name) ? String(reason.dropFirst(name.count)) : reason
            }
        }
        return nil
    }
}
