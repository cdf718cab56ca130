import Disk
import NIOCore
import Net
import PeerWire
import Swarm
import Torrent

/// Serving blocks: from memory if they have just arrived, directly from the page cache if possible, and otherwise
/// through a disk thread.
extension TorrentEngine {
    /// The most blocks of one peer that are read in one job and sent in one write.
    private static let servedTogether = 16

    /// Releases a piece's buffer. A good piece that a peer doesn't have stays in memory for a while, because peers
    /// request it as soon as it is announced.
    func release(_ piece: PieceIndex) {
        guard let buffer = writes.release(piece) else { return }
        if swarm.have[piece], swarm.isLacked(piece) { environment.recent.keep(buffer, of: id, piece) }
    }

    func dispatchServes() {
        for (key, requests) in connections.takeServes() {
            for start in stride(from: 0, to: requests.count, by: Self.servedTogether) {
                serve(requests[start..<min(start + Self.servedTogether, requests.count)], to: key)
            }
        }
    }

    private func serve(_ requests: ArraySlice<BlockRequest>, to key: PeerKey) {
        let bytes = requests.reduce(0) { $0 + $1.length + PeerMessageEncoder.pieceHeaderBytes }
        let frames = environment.frames.take(bytes)
        var rest: [BlockRequest] = []
        var ready: [BlockRequest] = []
        for run in Self.runs(requests) {
            if frames.append(run, { copy(run, into: $0) }) { ready += run } else { rest += run }
        }
        deliver(frames, of: ready, to: key)
        guard !rest.isEmpty else { return }
        let (disk, payload, waiting) = (environment.disk, payload, rest)
        let later = ready.isEmpty ? frames : environment.frames.take(bytes)
        disk.perform {
            var failure: (BlockRequest, DiskError)?
            let read = Self.read(waiting, into: later, disk, payload, &failure)
            self.environment.loop.execute { [failure] in
                self.assumeIsolated { $0.heard(later, of: read, failure: failure, among: waiting, to: key) }
            }
        }
    }

    /// Groups requests for adjacent blocks of one piece, which are read together.
    private static func runs(_ requests: ArraySlice<BlockRequest>) -> [[BlockRequest]] {
        var runs: [[BlockRequest]] = []
        for request in requests {
            if let last = runs.last?.last, last.piece == request.piece, last.begin + last.length == request.begin {
                runs[runs.count - 1].append(request)
            } else {
                runs.append([request])
            }
        }
        return runs
    }

    /// Fills the buffers with the blocks of the run, if that is possible without waiting.
    private func copy(_ run: [BlockRequest], into targets: [UnsafeMutableRawBufferPointer]) -> Bool {
        if let piece = environment.recent.bytes(of: id, run[0].piece) {
            for (request, target) in zip(run, targets) {
                target.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: piece[request.begin..<request.begin + request.length]))
            }
            return true
        }
        return environment.disk.readNow(
            payload, at: payload.geometry.offset(of: run[0].piece) + Int64(run[0].begin), into: targets)
    }

    /// Reads blocks on a disk thread until one fails. Returns the requests that were read.
    private nonisolated static func read(
        _ requests: [BlockRequest], into frames: UploadBuffer, _ disk: Disk, _ payload: Payload,
        _ failure: inout (BlockRequest, DiskError)?
    ) -> [BlockRequest] {
        var read: [BlockRequest] = []
        for request in requests {
            let isRead = frames.append([request]) { targets in
                do throws(DiskError) {
                    try disk.readBlocking(
                        payload, at: payload.geometry.offset(of: request.piece) + Int64(request.begin), into: targets[0]
                    )
                    return true
                } catch {
                    failure = (request, error)
                    return false
                }
            }
            guard isRead else { break }
            read.append(request)
        }
        return read
    }

    private func heard(
        _ frames: UploadBuffer, of read: [BlockRequest], failure: (BlockRequest, DiskError)?,
        among requests: [BlockRequest],
        to key: PeerKey
    ) {
        if let (request, error) = failure {
            finished(requests.dropFirst(read.count))
            servingFailed(request, to: key, Fault(error))
            for other in requests.dropFirst(read.count + 1) {
                swarm.serveFailed(key, other, fault: nil, now: environment.clock.now)
            }
        }
        deliver(frames, of: read, to: key)
        perform()
    }

    /// The blocks' memory is free again.
    private func finished(_ requests: some Sequence<BlockRequest>) {
        environment.shared.value.memory.serves(-requests.reduce(0) { $0 + $1.length })
    }

    private func deliver(_ frames: UploadBuffer, of requests: [BlockRequest], to key: PeerKey) {
        guard !requests.isEmpty else { return }
        guard let connection = connections[key] else {
            finished(requests)
            for request in requests { swarm.serveFailed(key, request, fault: nil, now: environment.clock.now) }
            return environment.frames.giveBack(frames)
        }
        connection.send(frames.buffer) { wasWritten in
            self.assumeIsolated { engine in
                engine.environment.frames.giveBack(frames)
                engine.finished(requests)
                engine.feed { swarm, now in
                    for request in requests {
                        if wasWritten {
                            swarm.served(key, request, now: now)
                        } else {
                            swarm.serveFailed(key, request, fault: nil, now: now)
                        }
                    }
                }
            }
        }
        connections.sentBlock(to: key)
    }
}
