#ifndef STORE_FAULTS_INTERNAL_H
#define STORE_FAULTS_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_kind {
  FAULT_OPEN = 1,
  FAULT_READ = 2,
  FAULT_WRITE = 4,
  FAULT_SYNC = 8,
  FAULT_MAP = 16,
  FAULT_NAME = 32,
  FAULT_TRUNCATE = 64,
  FAULT_FILE = 127,
  FAULT_MEMORY = 128,
  FAULT_ALLOCATION = 256,
};

// What becomes of a call.
enum fault_outcome { FAULT_NONE, FAULT_ERROR, FAULT_SHORT };

// Counts a call; errno is set where it is to fail.
enum fault_outcome fault_next(enum fault_kind kind);

// Whether ENGRAM_FAULT names this kind.
bool fault_concerns(enum fault_kind kind);

enum record_kind {
  RECORD_OPEN = 1,       // handle, value 1 where the call may create it, path
  RECORD_WRITE = 2,      // handle, offset, bytes
  RECORD_TRUNCATE = 3,   // handle, size
  RECORD_SYNC = 4,       // handle: a sync has begun
  RECORD_SYNCED = 5,     // handle, number of the process's record at which the sync began
  RECORD_RENAME = 6,     // both paths, a zero byte between them
  RECORD_UNLINK = 7,     // path
  RECORD_DIRECTORY = 8,  // path
  RECORD_ANSWER = 9,     // what was written to standard output
};

// Calls and their records are made under this lock, which processes with the same log share, so that
// the order of records is that of calls.
void record_lock(void);
void record_unlock(void);

// Appends a record; its number among those of this process, from 0.
int64_t record(enum record_kind kind, int handle, int64_t value, const void *bytes, size_t count);

// Whether a log is being written.
bool is_recording(void);

#endif
