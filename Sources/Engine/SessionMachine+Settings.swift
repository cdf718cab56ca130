extension SessionMachine {
    package struct Settings: Sendable {
        package var limits = SlotLimits()
        var rules = SlotRules()
        /// Whether the session works on all torrents of the database, or on those that were named.
        var worksOnAll = true
        /// Whether the session ends by itself when nothing is left to download.
        package var endsWhenComplete = false
        /// How long local faults may block all that is left before a session that ends by itself gives up.
        package var giveUpAfter: Duration?

        package init() {}
    }
}
