import SystemPackage
import Torrent

/// A file system that was synced as a whole.
struct VolumeSync {
    let device: UInt64
    /// Whether one of its files was asked by itself since. A file system that failed and went read-only has nothing to
    /// sync and says that all is well (ext4), or leaves bytes that were overwritten in place in the cache of the disk
    /// (XFS): `fdatasync` of any file tells the one and mends the other.
    var isConfirmed = false
}

/// Many files that become durable together.
extension Disk {
    /// From now on the ledger hears of every write to the folder's file system that fails.
    func watchVolume(of folder: borrowing PayloadFolder, _ payload: Payload, _ ledger: WriteLedger) {
        guard payload.layout.files.count >= volumeSyncFrom else { return }
        ledger.watchVolume { Self.witness(folder) }
    }

    /// Syncs the file system of the folder as a whole; `nil` when it can't, or when something failed there: then each
    /// file is asked by itself, and tells whether it was concerned.
    func syncVolume(of folder: borrowing PayloadFolder, _ payload: Payload, _ ledger: WriteLedger) -> VolumeSync? {
        // Where nothing was written in this run, as for files that somebody else brought, a descriptor of now hears
        // what no other has heard yet.
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

    /// The file after a sync of everything on `device`; `nil` where it isn't there, but on another one.
    func look(
        at file: PayloadFile, on device: UInt64, _ payload: Payload, in folder: borrowing PayloadFolder,
        _ names: inout NameCursor,
        _ ledger: WriteLedger
    ) throws(SyncReport.Failure) -> Fingerprint? {
        do throws(DiskError) {
            let status = try names.status(of: payload.components(of: file), in: folder)
            guard status.identity.device == device else { return nil }
            guard status.kind == .regular, ledger.identity(of: file).map({ $0 == status.identity }) ?? true else {
                throw DiskError(.replaced, .sync, payload.path(of: file))
            }
            return Fingerprint(file, status, born: try names.birth(of: payload.components(of: file), in: folder))
        } catch {
            throw failure(error, of: file, payload)
        }
    }

    private static func witness(_ folder: borrowing PayloadFolder) -> SharedDirectory? {
        // One that can't be read, or a process without descriptors to spare: each file is asked by itself, as where the
        // file system can't.
        do { return SharedDirectory(try folder.reopened()) } catch { return nil }
    }
}
