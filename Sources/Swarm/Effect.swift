package import Torrent

/// An action for the shell to perform. Each effect that can fail is answered by exactly one event, named in its
/// comment.
///
/// ``recordIntents(_:)`` and ``record(_:)`` reach the database in the order in which they are returned, or in one
/// transaction.
package enum Effect: Equatable, Sendable {
    /// Answered by ``Swarm/connected(_:now:)`` or ``Swarm/dialFailed(_:now:)``.
    case dial(PeerAddress)
    /// Answered by ``Swarm/closed(_:now:)``.
    case disconnect(PeerKey, DisconnectReason)
    case send(PeerKey, Outgoing)
    /// Ask the source for a block. Answered for a peer by ``Swarm/received(_:piece:begin:length:now:)``, by
    /// ``Swarm/rejected(_:_:now:)``, or not at all.
    case request(SourceKey, BlockRequest)
    /// The source needn't deliver the block any more. Not answered.
    case cancel(SourceKey, BlockRequest)
    /// Fetch the run from the web seed after its earlier runs; each block is handed to
    /// ``Swarm/received(webSeed:piece:begin:length:now:)``. Answered by ``Swarm/fetched(_:run:_:now:)``, unless
    /// ``endFetches(_:)`` comes first. Blocks of web seeds are in runs, never in ``request(_:_:)``.
    case fetch(WebSeedKey, WebSeedRun)
    /// Stop fetching from the web seed. Not answered.
    case endFetches(WebSeedKey)
    /// Read from the web seed again, after ``Swarm/readEnded(webSeed:now:)`` returned `false`.
    case readOn(WebSeedKey)
    /// Read a block and send it; answered by ``Swarm/served(_:_:now:)`` or ``Swarm/serveFailed(_:_:fault:now:)``.
    case serve(PeerKey, BlockRequest)
    /// Record write intents for these pieces; answered by ``Swarm/intentsRecorded(_:now:)`` or
    /// ``Swarm/intentsFailed(_:fault:now:)``.
    case recordIntents([PieceIndex])
    /// Hash the piece, and write it if the hash matches; answered by ``Swarm/verified(_:digests:now:)``,
    /// ``Swarm/hashFailed(_:digests:now:)`` or ``Swarm/writeFailed(_:fault:now:)``.
    case verify(Verification)
    /// Free the piece's buffer. A parked piece is released while incomplete: its next block gets a new buffer.
    case release(PieceIndex)
    /// Write blocks of an incomplete piece to their place; answered by ``Swarm/blocksWritten(_:_:now:)`` or
    /// ``Swarm/blocksFailed(_:_:fault:now:)``.
    case writeBlocks(PieceIndex, [Int])
    /// Sync everything that was written to these pieces' files; answered by ``Swarm/synced(now:)`` or
    /// ``Swarm/syncFailed(fault:now:)``.
    case sync([PieceIndex])
    /// Commit the claim in one transaction; answered by ``Swarm/recorded(now:)`` or
    /// ``Swarm/recordFailed(fault:now:)``.
    case record(Claim)
    /// Hash these pieces as the disk has them, not as a failed sync left them in the page cache; answered by
    /// ``Swarm/checked(_:_:now:)`` for each piece, then by ``Swarm/checkEnded(now:)``. A shell that stops the torrent
    /// cancels the check first.
    case check([PieceIndex])
    /// Check whether the fault is gone; answered by ``Swarm/probed(_:now:)``.
    case probe(Fault.Kind)
    /// Check whether another program changed a file since the last claim; answered by ``Swarm/inspected(_:now:)``.
    case inspect
    /// The torrent is at rest after ``Swarm/stop(now:)``: no write or transaction is in flight, everything that could
    /// be recorded is, and the buffers can be freed.
    case stopped
    /// Reject the host when it dials again, because it sent wrong data. Not answered.
    case shun(PeerAddress.Host, reason: String)
    /// A connection of the host was ended for waste; the host is shunned after too many of these. Not answered.
    case strike(PeerAddress.Host, reason: String)
    case note(Note)
}
