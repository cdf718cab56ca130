import Import
import Testing
import Torrent

@Suite struct PayloadPlaceTests {
    private func place(_ file: [UInt8] = Samples.folder, _ change: (inout ForeignTorrent) -> Void) throws
        -> PayloadPlace
    {
        var torrent = ForeignTorrent()
        change(&torrent)
        return try PayloadPlace(torrent, of: try Samples.metainfo(file), below: "/data") { $0 }
    }

    @Test func withoutOtherNamesTheFolderIsTheOutput() throws {
        let place = try place { _ in }
        #expect(place.output == "/data" && !place.hasOtherNames)
    }

    @Test func anotherNameOfTheRootIsKept() throws {
        let place = try place { $0.renamedRoot = "other" }
        #expect(place.output == "/data" && place.root == "other" && place.files.isEmpty)
    }

    @Test func anotherNameOfAFileIsKept() throws {
        let place = try place { $0.renamed = [1: "folder/x/e.bin"] }
        #expect(place.output == "/data" && place.root == nil && place.files == [1: "x/e.bin"])
    }

    /// qBittorrent's layout without a subfolder: the folder above the files is the torrent's own.
    @Test func aTorrentWithoutItsFolderTakesTheOneAbove() throws {
        let place = try place { $0.renamed = [0: "a/b.txt", 1: "c.bin", 2: "d.bin"] }
        #expect(place.output == "/" && place.root == "data" && place.files.isEmpty)
    }

    @Test func anotherFolderForAllFilesIsTheRoot() throws {
        let place = try place { $0.renamed = [0: "new/a/b.txt", 1: "new/c.bin", 2: "new/y.bin"] }
        #expect(place.output == "/data" && place.root == "new" && place.files == [2: "y.bin"])
    }

    @Test func rTorrentsFolderIsTheRoot() throws {
        let place = try place { $0.ownFolder = "/srv/films/Other name" }
        #expect(place.output == "/srv/films" && place.root == "Other name")
    }

    @Test func aSingleFileInAFolderIsFound() throws {
        let place = try place(Samples.single) { $0.renamed = [0: "sub/two.bin"] }
        #expect(place.output == "/data/sub" && place.root == "two.bin" && place.files.isEmpty)
    }

    @Test func absolutePathsAreMapped() throws {
        var torrent = ForeignTorrent()
        torrent.renamed = [1: "/old/folder/z.bin"]
        let place = try PayloadPlace(torrent, of: try Samples.metainfo(), below: "/data") {
            $0.replacing("/old", with: "/data")
        }
        #expect(place.files == [1: "z.bin"])
    }

    @Test(arguments: ["../up.bin", "/elsewhere/x.bin", "folder/../../x"]) func pathsOutsideAreRefused(path: String) {
        #expect(throws: ForeignStateError.self) { try place { $0.renamed = [1: path] } }
    }

    @Test func theRootOfTheFileSystemIsNoFolder() {
        #expect(throws: ForeignStateError.self) { try place { $0.ownFolder = "/" } }
    }
}
