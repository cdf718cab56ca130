// Room: SwarmLab (under Tests).
// Duty: whole swarms in virtual time: clients that run the real brain, peers of every kind, faulty disks, crashes.
// Owns: the virtual clock, the one source of randomness, and the nodes.
// Never: reads a clock, sleeps, or uses randomness that a seed doesn't determine.
// Invariants: the same scenario gives the same report.
