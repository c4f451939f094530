// The log of calls: records one after the other, each a header and then `count` bytes. Processes that
// write to the same store have one log, in the order of all their calls.
#ifdef __linux__
#include "internal.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

struct header {
  uint32_t kind;
  int32_t handle;
  int64_t value;
  uint64_t count;
  uint64_t process;
};

static int file = -1;
// Of this process.
static int64_t records;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void record_read_environment(void) {
  const char *path = getenv("ENGRAM_FAULTS_LOG");
  if (!path) return;
  file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) abort();
}

bool is_recording(void) { return file >= 0; }

void record_lock(void) {
  pthread_mutex_lock(&lock);
  if (file >= 0 && flock(file, LOCK_EX)) abort();
}

void record_unlock(void) {
  if (file >= 0 && flock(file, LOCK_UN)) abort();
  pthread_mutex_unlock(&lock);
}

int64_t record(enum record_kind kind, int handle, int64_t value, const void *bytes, size_t count) {
  if (file < 0) return 0;
  struct header header = {kind, handle, value, count, (uint64_t)getpid()};
  struct iovec parts[] = {{&header, sizeof header}, {(void *)bytes, count}};
  if (writev(file, parts, 2) != (ssize_t)(sizeof header + count)) abort();
  return records++;
}
#endif
