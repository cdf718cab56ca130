package import Engine
package import Torrent

extension DHTOptions {
    /// Reads a node in the user's notation.
    package static func node(_ text: String) throws(BadValue) -> MagnetPeer {
        guard let node = MagnetPeer(text) else {
            throw BadValue("give host:port, for example dht.example.org:6881 or [2001:db8::7]:6881")
        }
        return node
    }
}
