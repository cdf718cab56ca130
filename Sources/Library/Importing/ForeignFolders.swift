import Import
import SystemPackage
import Torrent

/// Where clients keep their state by default.
enum ForeignFolders {
    /// The usual folders of the clients, given a user's variables. None of them has to exist.
    static func usual(_ client: ForeignClient, _ environment: (String) -> String?) -> [String] {
        guard let home = environment("HOME"), home.utf8.first == UInt8(ascii: "/") else { return [] }
        let config = absolute(environment("XDG_CONFIG_HOME")) ?? "\(home)/.config"
        let data = absolute(environment("XDG_DATA_HOME")) ?? "\(home)/.local/share"
        return switch client {
        case .qbittorrent: ["\(data)/qBittorrent", "\(data)/data/qBittorrent", "\(config)/qBittorrent"]
        case .transmission:
            [
                "\(config)/transmission-daemon", "\(config)/transmission",
                "/var/lib/transmission-daemon/.config/transmission-daemon", "/var/lib/transmission-daemon/info",
                "/var/lib/transmission/.config/transmission-daemon",
            ]
        case .rtorrent:
            [
                "\(home)/.session", "\(home)/.rtorrent/session", "\(home)/rtorrent/session",
                "\(home)/.local/share/rtorrent/session",
                "\(home)/rtorrent/.session",
            ]
        case .deluge: ["\(config)/deluge", "/var/lib/deluged/config", "/var/lib/deluge/.config/deluge"]
        case .aria2: ["\(config)/aria2/aria2.session", "\(home)/.aria2/aria2.session", "\(data)/aria2/aria2.session"]
        case .libtorrent: []
        }
    }

    /// Where a client keeps its state below a folder that the user takes for it: a profile, a home or the folder of its
    /// settings.
    static func below(_ client: ForeignClient) -> [String] {
        switch client {
        case .qbittorrent:
            [
                "data", "qBittorrent/data", "qBittorrent", ".local/share/qBittorrent", ".local/share/data/qBittorrent",
            ]
        case .transmission:
            [
                "transmission-daemon", "transmission", ".config/transmission-daemon", ".config/transmission",
            ]
        case .deluge: ["deluge", ".config/deluge"]
        // Any folder passes for a session, and control files lie beside the payload.
        case .rtorrent, .aria2, .libtorrent: []
        }
    }

    private static func absolute(_ path: String?) -> String? {
        path.flatMap { $0.utf8.first == UInt8(ascii: "/") ? $0 : nil }
    }
}
