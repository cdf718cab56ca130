import SystemPackage
import Torrent

/// A file system that was synced as a whole.
struct VolumeSync {
    let device: UInt64
    /// Whether one of its files was synced by itself afterwards. After an error, a file system that went read-only has
    /// nothing to sync and reports success (ext4), or leaves bytes that were overwritten in place in the disk's cache
    /// (XFS). `fdatasync` of any file reports the former and fixes the latter.
    var isConfirmed = false
}

/// Syncs of many files at once.
extension Disk {
    /// Makes the ledger's witness, which from now on records every failed write to the folder's file system.
    func watchVolume(of folder: borrowing PayloadFolder, _ payload: Payload, _ ledger: WriteLedger) {
        guard payload.layout.files.count >= volumeSyncFrom else { return }
        ledger.watchVolume { Self.witness(folder) }
    }

    /// Syncs the folder's file system as a whole. `nil` when that is unsupported or a write failed there: then each
    /// file is synced by itself, which shows whether it was affected.
    func syncVolume(of folder: borrowing PayloadFolder, _ payload: Payload, _ ledger: WriteLedger) -> VolumeSync? {
        // If nothing was written in this run (as with files that another program put there), a descriptor opened now
        // still receives errors that were not reported to any other descriptor yet.
        watchVolume(of: folder, payload, ledger)
        guard let witness = ledger.takeVolumeWitness() else { return nil }
        do {
            let device = try calls.status(witness.descriptor).identity.device
            guard try folder.device() == device else { return nil }
            try calls.syncVolume(witness.descriptor)
            ledger.giveBack(witness)
            return VolumeSync(device: device)
        } catch {
            return nil
        }
    }

    /// Inspects the file after a sync of everything on `device`; `nil` if the file is on another device.
    func look(
        at file: PayloadFile, on device: UInt64, _ payload: Payload, in folder: borrowing PayloadFolder,
        _ names: inout NameCursor,
        _ ledger: WriteLedger
    ) throws(SyncReport.Failure) -> FoundFile? {
        do throws(DiskError) {
            let status = try names.status(of: payload.components(of: file), in: folder)
            guard status.identity.device == device else { return nil }
            guard status.kind == .regular, ledger.identity(of: file).map({ $0 == status.identity }) ?? true else {
                throw DiskError(.replaced, .sync, payload.path(of: file))
            }
            return FoundFile(file, status, bornNs: try names.birth(of: payload.components(of: file), in: folder))
        } catch {
            throw failure(error, of: file, payload)
        }
    }

    private static func witness(_ folder: borrowing PayloadFolder) -> SharedDirectory? {
        // If the folder can't be read or the process has no spare descriptor, each file is synced by itself, as on a
        // file system without volume syncs.
        do { return SharedDirectory(try folder.reopened()) } catch { return nil }
    }
}
