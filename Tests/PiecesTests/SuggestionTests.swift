import Testing
import pieces

struct SuggestionTests {
    private static let words = ["status", "resume", "remove", "verify", "trackers", "files", "pause", "log"]

    @Test(
        arguments: [
            ("staus", "status"), ("sttaus", "status"), ("STATUS", "status"), ("resum", "resume"), ("verfy", "verify"),
            ("tra", "trackers"), ("lgo", "log"), ("xyz", nil), ("re", nil), ("", nil), ("statusstatus", nil),
        ] as [(String, String?)])
    func nearestWordIsFound(text: String, word: String?) {
        #expect(Suggestion.nearest(to: text, in: Self.words) == word)
    }

    @Test func wordsOfOtherProgramsAreKnown() {
        #expect(Suggestion.nearest(to: "rm", in: Self.words, habits: true) == "remove")
        #expect(Suggestion.nearest(to: "rm", in: Self.words) == nil)
    }
}
