// Room: CFaultShim.
// Duty: makes the calls of a real `pieces` process fail, be cut short, or be its last, and lies to it about the clock: a library for LD_PRELOAD.
// Owns: the calls of the C library that payload and database go through, in the process that it is loaded into.
// Never: is linked into anything; changes a call that no rule names; touches a file that is neither the database's nor the payload's.
// Invariants: without rules it only counts; a call is counted before it is decided; what a rule kills is killed by SIGKILL.
//
// Its interface is the environment of the process:
//
//   PIECES_FAULT_DATABASE   the absolute path of the database: gives the places db, wal, shm, journal, lock, reserve, dbfolder, and
//                           copy for whatever else is named after it
//   PIECES_FAULT_OUTPUT     the absolute path of the output folder: gives the places payload, parts, folder
//   PIECES_FAULT_COUNTS     a file that gets a record of 32 bytes for every call and place: `call@place` in 24 bytes and how often it came, a
//                           64-bit number. It is kept as the process runs, so that it is right also after SIGKILL.
//   PIECES_FAULT            rules, separated by `|`, of fields, separated by `;`:
//       call=NAME           open, pread, pwrite, ftruncate, fallocate, fsync, fdatasync, syncfs (of the file system; its path is that of the
//                           directory that it is asked through), rename, unlink, mkdir, close, fstat, lock, freespace, or `*` for each that
//                           changes something (see CALL_CHANGES)
//       path=PLACE          one of the places above, or `*`
//       nth=N               begins with the Nth such call (1)
//       times=N             for so many calls (1), or `forever`
//       after=FILE          counts only calls that come when the file exists
//       until=FILE          holds until the file exists
//       while=FILE          holds while the file exists
//       do=ACTION           kill-before, kill-after; tear (writes half of it and is killed); errno:N; short (half of it); eintr;
//                           lose (a sync that fails with EIO, and what was written to the file since its last sync is gone; a syncfs: to any
//                           payload file, and the next sync of each of these fails with EIO, too)
//   PIECES_CLOCK_OFFSET     seconds that are added to the clock on the wall, and to the times of payload files that are written

#ifndef CFAULTSHIM_H
#define CFAULTSHIM_H
#endif
