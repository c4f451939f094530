// The libc calls that a store's process makes on its files, SQLite's among them: recorded in one
// order, or failing as a test asks. What the main executable defines is found before libc's own by
// every shared library. Linux only.
//
// Environment:
//
//   ENGRAM_FAULTS_PATH   the directory above the store; calls on other files pass through
//   ENGRAM_FAULTS_LOG    a file outside of it that records are appended to (see record.c); several
//                        processes may share it
//   ENGRAM_FAULT         "KIND NUMBER ERROR once|always": call NUMBER of KIND fails, or that and
//                        all that follow
//
// KIND is `file` (any of the first seven) or one of open, read, write, sync, map, name (rename,
// unlink, mkdir), truncate; `memory` (address space for large arrays and making it usable); or
// `allocation` (SQLite's). ERROR is EIO, ENOSPC, ENOMEM, or of a write `short` (half of it is
// written, with success) and `short-ENOSPC` (so, and the next one finds no space). With KILL the
// process is killed instead.
#ifndef STORE_FAULTS_H
#define STORE_FAULTS_H

// Lets SQLite's allocations fail where ENGRAM_FAULT says so; before SQLite's first call.
void store_faults_prepare(void);

// Calls of ENGRAM_FAULT's kind so far.
long store_faults_calls(void);

#endif
