// Room: CrashLab.
// Duty: shows what a power cut leaves: records what a session does to a disk, builds the states that the disk may hold
// after a cut, and judges them.
// Owns: the model of a disk, the recorded runs, the scratch folders in which states are examined.
// Never: is part of a product; changes what the session asks of the disk or receives, unless a test says so
// (``Mutation``).
// Invariants: every state that is built can occur on a disk that keeps the promises of ``DiskModel``; a state is a
// function of a recording and a number.
