import Testing
import Torrent

struct MaskedURLTests {
    @Test(arguments: [
        ("http://t.example/announce?passkey=1", "http://t.example/announce?passkey=1"),
        ("http://user:secret@t.example/announce", "http://user:***@t.example/announce"),
        ("http://user:se%20cret@t.example:81?x", "http://user:***@t.example:81?x"),
        ("https://user:@t.example/", "https://user:***@t.example/"),
        // A user name that stands alone is what the server knows the client by.
        ("udp://secret@t.example:6969", "udp://***@t.example:6969"),
        ("http://a:b@c:d@t.example/", "http://a:***@t.example/"),
        ("user:secret@t.example/announce", "user:***@t.example/announce"),
        // Not what URLs allow, and all the more what nobody may read.
        ("http://user:se/cret@t.example/announce", "http://user:***@t.example/announce"),
        ("http://user:se#cret@t.example/", "http://user:***@t.example/"),
        // An @ that has nothing to do with a password.
        ("http://t.example:80/a@b", "http://t.example:80/a@b"), ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
        ("http://t.example/?mail=a@b", "http://t.example/?mail=a@b"), ("", ""), ("@", "***@"), ("://@", "://***@"),
    ])
    func passwordIsMasked(_ url: String, _ shown: String) {
        #expect(MaskedURL.text(url) == shown)
    }
}
