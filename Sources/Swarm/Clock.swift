// `Instant` is in `Torrent`, because the rooms `Swarm` and `DHT` both need it. The events of this room take it in every
// file, and so do the files that call them: they import it with this room.
@_exported public import Torrent
