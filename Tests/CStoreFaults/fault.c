#ifdef __linux__
#include "internal.h"
#include "store_faults.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
  unsigned kinds;
  long number;
  int error;
  bool is_short, is_lasting, is_kill;
} fault;

static atomic_long calls;

__attribute__((constructor)) static void fault_read_environment(void) {
  const char *text = getenv("ENGRAM_FAULT");
  if (!text) return;
  char kind[16], error[16], how[16];
  if (sscanf(text, "%15s %ld %15s %15s", kind, &fault.number, error, how) != 4) abort();
  static const struct {
    const char *name;
    unsigned kinds;
  } kinds[] = {
    {"file", FAULT_FILE},   {"open", FAULT_OPEN}, {"read", FAULT_READ},
    {"write", FAULT_WRITE}, {"sync", FAULT_SYNC}, {"map", FAULT_MAP},
    {"name", FAULT_NAME},   {"truncate", FAULT_TRUNCATE}, {"memory", FAULT_MEMORY},
    {"allocation", FAULT_ALLOCATION},
  };
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (!strcmp(kind, kinds[i].name)) fault.kinds = kinds[i].kinds;
  }
  fault.is_short = !strncmp(error, "short", 5);
  if (!strcmp(error, "EIO")) fault.error = EIO;
  if (!strcmp(error, "ENOMEM")) fault.error = ENOMEM;
  if (!strcmp(error, "ENOSPC") || !strcmp(error, "short-ENOSPC")) fault.error = ENOSPC;
  fault.is_lasting = !strcmp(how, "always");
  fault.is_kill = !strcmp(error, "KILL");
  if (!fault.kinds || !(fault.error || fault.is_short || fault.is_kill)) abort();
}

bool fault_concerns(enum fault_kind kind) { return fault.kinds & kind; }

enum fault_outcome fault_next(enum fault_kind kind) {
  if (!fault_concerns(kind)) return FAULT_NONE;
  long past = atomic_fetch_add(&calls, 1) + 1 - fault.number;
  if (fault.is_kill && past == 0) {
    // No call is made that is not recorded.
    record_lock();
    kill(getpid(), SIGKILL);
  }
  if (fault.is_short && past == 0) return FAULT_SHORT;
  if (fault.is_short && fault.error) past--;
  if (!fault.error || past < 0 || (past > 0 && !fault.is_lasting)) return FAULT_NONE;
  errno = fault.error;
  return FAULT_ERROR;
}

long store_faults_calls(void) { return calls; }

// MARK: SQLite's allocations

static sqlite3_mem_methods memory;

static void *faulty_malloc(int bytes) {
  return fault_next(FAULT_ALLOCATION) ? NULL : memory.xMalloc(bytes);
}

static void *faulty_realloc(void *old, int bytes) {
  return fault_next(FAULT_ALLOCATION) ? NULL : memory.xRealloc(old, bytes);
}

void store_faults_prepare(void) {
  if (!fault_concerns(FAULT_ALLOCATION)) return;
  if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory)) abort();
  sqlite3_mem_methods faulty = memory;
  faulty.xMalloc = faulty_malloc;
  faulty.xRealloc = faulty_realloc;
  // Small allocations are to come by here too.
  if (sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0)) abort();
  if (sqlite3_config(SQLITE_CONFIG_MALLOC, &faulty)) abort();
}
#endif
