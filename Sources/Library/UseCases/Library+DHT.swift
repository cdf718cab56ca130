package import Store
package import Torrent

/// Shows what is known of the DHT.
extension Library {
    package func dht(now: Timestamp) throws(StoreError) -> DHTStatus {
        try DHTStatus(try engine(), connection, now: now)
    }
}
