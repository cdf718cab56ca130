import NIOCore
import Net
import PeerWire
import Swarm
import Torrent

/// Serves the metadata to peers that have only a magnet link (BEP 9).
extension TorrentEngine {
    /// A private torrent doesn't give its metadata away, as in libtorrent: its peers have the .torrent from its
    /// tracker.
    var servesMetadata: Bool { !metainfo.isPrivate }

    private var metadataBlockCount: Int {
        (metainfo.infoRange.count + MetadataMessage.blockBytes - 1) / MetadataMessage.blockBytes
    }

    func receivedMetadata(_ message: MetadataMessage, from key: PeerKey, now: Instant) {
        swarm.chargeMetadata(key, now: now)
        // Blocks and refusals mean nothing to us, because we have the metadata.
        guard case .request = message.body else { return }
        if servesMetadata, connections.addMetadata(message.block, of: metadataBlockCount, for: key) {
            serveMetadata(to: key)
        } else if let answer = connections.message(MetadataMessage(block: message.block, .reject), to: key) {
            connections.connection(toSendTo: key)?.send(answer)
        }
    }

    /// Sends what peers wait for, as far as limits allow.
    func serveMetadata() {
        for key in connections.awaitingMetadata { serveMetadata(to: key) }
    }

    private func serveMetadata(to key: PeerKey) {
        while let block = connections.nextMetadata(for: key) {
            let range = metainfo.infoRange
            let start = range.lowerBound + block * MetadataMessage.blockBytes
            let end = min(start + MetadataMessage.blockBytes, range.upperBound)
            let data = MetadataMessage.Body.data(
                bytes: ByteBuffer(bytes: metainfo.file[start..<end]), total: range.count)
            guard let message = connections.message(MetadataMessage(block: block, data), to: key),
                swarm.maySendMetadata(end - start, now: environment.clock.now)
            else { return }
            var frame = ByteBuffer()
            PeerMessageEncoder.append(message, to: &frame)
            let bytes = frame.readableBytes
            connections.beganMetadata(bytes, for: key)
            connections.connection(toSendTo: key)?.send(frame) { [weak self] _ in
                self?.assumeIsolated { engine in
                    engine.connections.endedMetadata(bytes, for: key)
                    // A write that the socket accepts at once is answered before this call returns.
                    engine.continueMetadata(to: key)
                }
            }
        }
    }

    /// Sends more once the socket has room, and flushes it.
    private func continueMetadata(to key: PeerKey) {
        guard !connections.isMetadataDone(for: key) else { return }
        environment.loop.execute { [weak self] in
            self?.assumeIsolated { engine in
                engine.serveMetadata(to: key)
                engine.perform()
            }
        }
    }
}
