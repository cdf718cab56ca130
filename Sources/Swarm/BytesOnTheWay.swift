/// The bytes that were requested and are still on the way, counted for all sources of a torrent.
///
/// What fills a long path lies in the network and in the queue of its source, and needs no memory yet. So it doesn't
/// count against the memory budget, which would otherwise hold a fast download over a long path back.
package final class BytesOnTheWay {
    private(set) var total = 0

    package init() {}

    /// One source's part became larger or smaller.
    func changed(by bytes: Int) { total += bytes }
}
