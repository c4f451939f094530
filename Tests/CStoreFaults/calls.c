// Definitions of libc's calls on files, each ending in libc's own.
#ifdef __linux__
#define _GNU_SOURCE
#include "internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name)                                \
  ({                                              \
    static _Atomic(void *) real;                  \
    if (!real) real = dlsym(RTLD_NEXT, #name);    \
    (__typeof__(&name))real;                      \
  })

// The directory whose files are concerned; NULL where none are. Threads of a library that was loaded
// before make calls while it is set.
static _Atomic(const char *) root;
static size_t root_length;

__attribute__((constructor)) static void calls_read_environment(void) {
  const char *path = getenv("ENGRAM_FAULTS_PATH");
  if (path) root_length = strlen(path);
  root = path;
}

// Of each descriptor, the handle that it is known by in records; 0 where it is not concerned.
enum { DESCRIPTORS = 4096 };
static atomic_int handles[DESCRIPTORS];
static int last_handle;
// A file that is not recorded: SQLite makes its index of the log anew.
enum { UNRECORDED = -1 };

static int handle_of(int descriptor) {
  return root && descriptor >= 0 && descriptor < DESCRIPTORS ? handles[descriptor] : 0;
}

// The part of a path below the root; NULL where it is elsewhere.
static const char *below_root(const char *path) {
  if (!root || strncmp(path, root, root_length)) return NULL;
  if (path[root_length] == '/') return path + root_length + 1;
  return path[root_length] ? NULL : path + root_length;
}

static bool is_unrecorded(const char *name) {
  size_t length = strlen(name);
  return length >= 4 && !strcmp(name + length - 4, "-shm");
}

// MARK: Opening and closing

typedef int opener(int directory, const char *path, int flags, mode_t mode);

static int open_with(opener *call, int directory, const char *path, int flags, mode_t mode) {
  const char *name = below_root(path);
  if (!name) return call(directory, path, flags, mode);
  if (fault_next(FAULT_OPEN)) return -1;
  record_lock();
  int descriptor = call(directory, path, flags, mode);
  if (descriptor >= DESCRIPTORS) abort();
  if (descriptor >= 0) {
    int handle = is_unrecorded(name) ? UNRECORDED : ++last_handle;
    handles[descriptor] = handle;
    if (handle > 0) record(RECORD_OPEN, handle, flags & O_CREAT ? 1 : 0, name, strlen(name));
  }
  record_unlock();
  return descriptor;
}

static int call_open(int directory, const char *path, int flags, mode_t mode) {
  (void)directory;
  return REAL(open)(path, flags, mode);
}
static int call_openat(int directory, const char *path, int flags, mode_t mode) {
  return REAL(openat)(directory, path, flags, mode);
}

static mode_t mode_argument(int flags, va_list arguments) {
  return flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

#define DEFINE_OPEN(name)                                     \
  int name(const char *path, int flags, ...) {                \
    va_list arguments;                                        \
    va_start(arguments, flags);                               \
    mode_t mode = mode_argument(flags, arguments);            \
    va_end(arguments);                                        \
    return open_with(call_open, AT_FDCWD, path, flags, mode); \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

#define DEFINE_OPENAT(name)                                      \
  int name(int directory, const char *path, int flags, ...) {    \
    va_list arguments;                                           \
    va_start(arguments, flags);                                  \
    mode_t mode = mode_argument(flags, arguments);               \
    va_end(arguments);                                           \
    return open_with(call_openat, directory, path, flags, mode); \
  }
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

int close(int descriptor) {
  if (handle_of(descriptor)) handles[descriptor] = 0;
  return REAL(close)(descriptor);
}

// MARK: Reading and writing

#define DEFINE_PREAD(name, offset_type)                                             \
  ssize_t name(int descriptor, void *bytes, size_t count, offset_type offset) {     \
    if (handle_of(descriptor) && fault_next(FAULT_READ)) return -1;                 \
    return REAL(pread)(descriptor, bytes, count, offset);                           \
  }
DEFINE_PREAD(pread, off_t)
DEFINE_PREAD(pread64, off64_t)

static ssize_t write_at(int descriptor, const void *bytes, size_t count, off_t offset) {
  int handle = handle_of(descriptor);
  if (!handle) return REAL(pwrite)(descriptor, bytes, count, offset);
  switch (fault_next(FAULT_WRITE)) {
  case FAULT_ERROR: return -1;
  case FAULT_SHORT: count = (count + 1) / 2; break;
  case FAULT_NONE: break;
  }
  record_lock();
  ssize_t written = REAL(pwrite)(descriptor, bytes, count, offset);
  if (written > 0 && handle > 0) record(RECORD_WRITE, handle, offset, bytes, (size_t)written);
  record_unlock();
  return written;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  return write_at(descriptor, bytes, count, offset);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
  return write_at(descriptor, bytes, count, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  if (handle_of(descriptor)) abort();  // Writes name their offset.
  bool is_answer = descriptor == STDOUT_FILENO && is_recording();
  if (!is_answer) return REAL(write)(descriptor, bytes, count);
  record_lock();
  ssize_t written = REAL(write)(descriptor, bytes, count);
  if (written > 0) record(RECORD_ANSWER, 0, 0, bytes, (size_t)written);
  record_unlock();
  return written;
}

static int truncate_to(int descriptor, off_t size) {
  int handle = handle_of(descriptor);
  if (!handle) return REAL(ftruncate)(descriptor, size);
  if (fault_next(FAULT_TRUNCATE)) return -1;
  record_lock();
  int result = REAL(ftruncate)(descriptor, size);
  if (result == 0 && handle > 0) record(RECORD_TRUNCATE, handle, size, NULL, 0);
  record_unlock();
  return result;
}

int ftruncate(int descriptor, off_t size) { return truncate_to(descriptor, size); }
int ftruncate64(int descriptor, off64_t size) { return truncate_to(descriptor, size); }

// Only what was written before a sync began is known to be on the disk when it ends.
static int sync_with(int (*call)(int), int descriptor) {
  int handle = handle_of(descriptor);
  if (!handle) return call(descriptor);
  if (fault_next(FAULT_SYNC)) return -1;
  if (handle == UNRECORDED) return call(descriptor);
  record_lock();
  int64_t begin = record(RECORD_SYNC, handle, 0, NULL, 0);
  record_unlock();
  int result = call(descriptor);
  if (result == 0) {
    record_lock();
    record(RECORD_SYNCED, handle, begin, NULL, 0);
    record_unlock();
  }
  return result;
}

int fsync(int descriptor) { return sync_with(REAL(fsync), descriptor); }
int fdatasync(int descriptor) { return sync_with(REAL(fdatasync), descriptor); }

// MARK: Names

int rename(const char *old, const char *new) {
  const char *old_name = below_root(old), *new_name = below_root(new);
  if (!old_name || !new_name) return REAL(rename)(old, new);
  if (fault_next(FAULT_NAME)) return -1;
  record_lock();
  int result = REAL(rename)(old, new);
  if (result == 0) {
    char names[2 * 4096];
    int count = snprintf(names, sizeof names, "%s%c%s", old_name, 0, new_name);
    if (count >= (int)sizeof names) abort();
    record(RECORD_RENAME, 0, 0, names, (size_t)count);
  }
  record_unlock();
  return result;
}

int unlink(const char *path) {
  const char *name = below_root(path);
  if (!name) return REAL(unlink)(path);
  if (fault_next(FAULT_NAME)) return -1;
  record_lock();
  int result = REAL(unlink)(path);
  if (result == 0 && !is_unrecorded(name)) record(RECORD_UNLINK, 0, 0, name, strlen(name));
  record_unlock();
  return result;
}

int mkdir(const char *path, mode_t mode) {
  const char *name = below_root(path);
  if (!name) return REAL(mkdir)(path, mode);
  if (fault_next(FAULT_NAME)) return -1;
  record_lock();
  int result = REAL(mkdir)(path, mode);
  if (result == 0) record(RECORD_DIRECTORY, 0, 0, name, strlen(name));
  record_unlock();
  return result;
}

// MARK: Memory

// Large arrays reserve address space without reserving memory.
static bool refuses_map(int descriptor, int flags) {
  if (handle_of(descriptor)) return fault_next(FAULT_MAP);
  return flags & MAP_ANONYMOUS && flags & MAP_NORESERVE && fault_next(FAULT_MEMORY);
}

#define DEFINE_MMAP(name, offset_type)                                             \
  void *name(                                                                      \
    void *address, size_t count, int protection, int flags, int descriptor,        \
    offset_type offset) {                                                          \
    if (refuses_map(descriptor, flags)) return MAP_FAILED;                         \
    return REAL(mmap)(address, count, protection, flags, descriptor, offset);      \
  }
DEFINE_MMAP(mmap, off_t)
DEFINE_MMAP(mmap64, off64_t)

int mprotect(void *address, size_t count, int protection) {
  if (protection == (PROT_READ | PROT_WRITE) && fault_next(FAULT_MEMORY)) return -1;
  return REAL(mprotect)(address, count, protection);
}
#endif
