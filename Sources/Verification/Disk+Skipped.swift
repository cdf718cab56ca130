package import Disk
import Torrent

extension Payload {
    /// The files with bytes that are skipped, and whose bytes are in the part file.
    package var skippedFiles: [Int] {
        layout.files.indices.filter { placement[$0] == .part && !layout.files[$0].isEmpty }
    }
}

extension Disk {
    /// Looks for a payload whose skipped files may be in place, because another client wrote them. Those of `files`
    /// that exist and aren't empty are read where they lie; the bytes of the others are in the part file.
    package func look(at payload: Payload, orInPlace files: [Int], lastSeen: LastSeen) async -> PayloadLook {
        guard !files.isEmpty else { return await self.look(at: payload, lastSeen: lastSeen) }
        let look = await self.look(at: payload.placing(files, as: .file), lastSeen: lastSeen)
        let found = files.filter { (look.files[.entry($0)]?.print.size ?? 0) > 0 }
        guard found.count < files.count else { return look }
        return await self.look(at: payload.placing(found, as: .file), lastSeen: lastSeen)
    }
}
