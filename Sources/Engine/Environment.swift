import Disk
import NIOCore
import Net
import Store
import Swarm
import Torrent

/// The budgets that the peers of all torrents share.
struct SharedBudgets: Sendable {
    var work = SharedWork()
    var memory = SharedMemory()
}

/// What every active torrent shares.
package struct Environment: Sendable {
    let currentSettings: CurrentSettings
    var settings: EngineSettings { currentSettings.value }
    let store: Store
    let disk: Disk
    let shared: NIOLoopBoundBox<SharedBudgets>
    let verifications: VerificationQueue
    let backgroundWrites: BackgroundWrites
    let recent = RecentPieces()
    let frames = UploadBufferPool()
    package let announces: AnnounceService
    /// `nil` if the DHT is off.
    let dht: DHTService?
    /// `nil` if local discovery is off.
    let localDiscovery: LocalDiscoveryService?
    let commitQueue: CommitQueue
    let sockets: PeerSockets
    let webSeeds: RangeClients
    let loop: any EventLoop
    let clock: EngineClock
    let run: RunID
    let peerID: PeerID
    /// The time in Unix nanoseconds until which the previous run may have written.
    let aliveUntilNs: Int64?
}
