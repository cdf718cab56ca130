import DequeModule
import Torrent

/// The requests whose blocks come late or never, for sources with nothing left to do (BEP 3: end game).
///
/// One list serves all sources for a while. Looking at every request of every source for each of them would cost more
/// than the rest of the download where there are hundreds.
struct LateBlocks {
    /// How long a list is used.
    private static let lifetime = Duration.milliseconds(100)
    /// How long a source may send nothing before it is expected to send nothing more.
    private static let patience = Duration.seconds(1)
    /// The assumed rate, in bytes per second, of a source whose speed is unknown.
    private static let assumedRate = 65536.0
    /// Another source is asked for a block if it should deliver it in less than this part of the holder's time.
    private static let gain = 0.5
    /// While new pieces wait for memory only, blocks that are expected within this time are left to their holders: a
    /// source with nothing to do for some milliseconds would fetch what is on its way.
    static let memoryPatience = Duration.seconds(2)
    /// The most outstanding requests for one block.
    static let copies = 3
    /// The most requests that are passed over for one source, because it can't serve them.
    private static let mostPassedOver = 1024

    private struct Request {
        let block: BlockRef
        let holder: SourceKey
        /// How long the holder is expected to take.
        let seconds: Double
    }

    /// The latest request is the last.
    private var requests: [Request] = []
    private var madeAt: Instant?

    /// Makes a new list if the last one is too old.
    mutating func update(_ sources: borrowing BlockSources, now: Instant) {
        guard madeAt.map({ now - $0 >= Self.lifetime }) ?? true else { return }
        madeAt = now
        requests.removeAll(keepingCapacity: true)
        for holder in sources.ordered where holder.outstanding > 0 {
            let rate = Self.expectedRate(of: holder, now: now)
            var position = 0
            for request in holder.requests where !request.isReleased {
                position += 1
                let seconds = rate <= 0 ? .infinity : Double(position * Geometry.blockLength) / rate
                requests.append(Request(block: request.block, holder: holder.key, seconds: seconds))
            }
        }
        requests.sort { $0.seconds < $1.seconds }
    }

    /// Takes blocks that the source should deliver much sooner than their holders, the latest first. Those that are
    /// expected within `patience` are left to them.
    mutating func take(
        for source: BlockSource, of pieces: borrowing PieceStates, room: Int, patience: Duration, now: Instant
    ) -> [BlockRef] {
        let patience = patience.inSeconds
        let own = max(source.pipeline.bestRate, Double(source.downloadRate(at: now)), Self.assumedRate)
        let rtt = (source.pipeline.smallestRTT ?? .zero).inSeconds
        var taken: [BlockRef] = []
        var passed: [Request] = []
        while let next = requests.last, taken.count < room, passed.count < Self.mostPassedOver {
            let bytes = (source.outstanding + taken.count + 1) * Geometry.blockLength
            guard next.seconds > patience, Double(bytes) / own + rtt < next.seconds * Self.gain else { break }
            requests.removeLast()
            let block = next.block
            // A block that has arrived, or that was given back, is no longer late.
            guard let piece = pieces[block.piece], piece.phase == .downloading, !piece.isReceived(block.block),
                (1..<Self.copies).contains(piece.requests(for: block.block))
            else { continue }
            passed.append(next)
            guard next.holder != source.key, source.serves(block.piece), piece.mayBeFilled(by: source.key),
                !taken.contains(block), !source.owes(block)
            else { continue }
            piece.request(block.block, again: source.key, besides: next.holder)
            taken.append(block)
        }
        requests += passed.reversed()
        return taken
    }

    /// Returns the expected rate of the source in bytes per second; zero if it has sent nothing for a while.
    private static func expectedRate(of source: BlockSource, now: Instant) -> Double {
        guard let since = source.awaitsSince, now - since <= patience else { return 0 }
        return source.pipeline.bestRate > 0 ? source.pipeline.bestRate : assumedRate
    }
}
