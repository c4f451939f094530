#if defined(__linux__) && __has_feature(thread_sanitizer)
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

#define SWIFT __attribute__((swiftcall))

#define REAL(type, name)                                      \
  ({                                                          \
    static _Atomic(type) real;                                \
    if (!real) real = (type)(uintptr_t)dlsym(RTLD_NEXT, name); \
    real;                                                     \
  })

// MARK: Swift's Mutex

// Taking and giving back a mutex that nobody waits for are compiled into whoever does so, where the
// sanitizer sees them. The rest is in the library.
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SELF __attribute__((swift_context))

SWIFT void lock(uint32_t state, SELF void *mutex) __asm__(LOCK);
SWIFT void lock(uint32_t state, SELF void *mutex) {
  typedef SWIFT void function(uint32_t, SELF void *);
  REAL(function *, LOCK)(state, mutex);
  __tsan_acquire(mutex);
}

SWIFT bool try_lock(SELF void *mutex) __asm__(TRY_LOCK);
SWIFT bool try_lock(SELF void *mutex) {
  typedef SWIFT bool function(SELF void *);
  bool is_locked = REAL(function *, TRY_LOCK)(mutex);
  if (is_locked) __tsan_acquire(mutex);
  return is_locked;
}

SWIFT void unlock(SELF void *mutex) __asm__(UNLOCK);
SWIFT void unlock(SELF void *mutex) {
  typedef SWIFT void function(SELF void *);
  __tsan_release(mutex);
  REAL(function *, UNLOCK)(mutex);
}

// MARK: Dispatch

long dispatch_semaphore_wait(void *semaphore, uint64_t limit) {
  typedef long function(void *, uint64_t);
  long result = REAL(function *, "dispatch_semaphore_wait")(semaphore, limit);
  if (result == 0) __tsan_acquire(semaphore);
  return result;
}

long dispatch_semaphore_signal(void *semaphore) {
  typedef long function(void *);
  __tsan_release(semaphore);
  return REAL(function *, "dispatch_semaphore_signal")(semaphore);
}

void dispatch_group_leave(void *group) {
  typedef void function(void *);
  __tsan_release(group);
  REAL(function *, "dispatch_group_leave")(group);
}

long dispatch_group_wait(void *group, uint64_t limit) {
  typedef long function(void *, uint64_t);
  long result = REAL(function *, "dispatch_group_wait")(group, limit);
  if (result == 0) __tsan_acquire(group);
  return result;
}

// What is run later goes with a job of its own, by which what came before is seen inside. Swift's
// tasks come by here too, when they begin and each time that they go on.
struct job {
  void *context;
  void (*function)(void *);
};

static void run(void *context) {
  __tsan_acquire(context);
  struct job job = *(struct job *)context;
  free(context);
  job.function(job.context);
}

void dispatch_async_f(void *queue, void *context, void (*called)(void *)) {
  typedef void function(void *, void *, void (*)(void *));
  struct job *job = malloc(sizeof *job);
  if (!job) abort();
  *job = (struct job){context, called};
  __tsan_release(job);
  REAL(function *, "dispatch_async_f")(queue, job, run);
}

struct block {
  void *class;
  int flags, reserved;
  void (*invoke)(struct block *);
};

struct block *_Block_copy(const void *block);
void _Block_release(const void *block);

static void run_block(void *context) {
  struct block *block = context;
  block->invoke(block);
  _Block_release(block);
}

void dispatch_async(void *queue, struct block *block) {
  dispatch_async_f(queue, _Block_copy(block), run_block);
}

// MARK: Continuations

// A task whose continuation is resumed before it waits for it goes on at once.
SWIFT void swift_continuation_resume(void *task) {
  typedef SWIFT void function(void *);
  __tsan_release(task);
  REAL(function *, "swift_continuation_resume")(task);
}

SWIFT void *swift_task_getCurrent(void);

#define SWIFT_ASYNC __attribute__((swiftasynccall))

SWIFT_ASYNC void swift_continuation_await(void *context) {
  typedef SWIFT_ASYNC void function(void *);
  __tsan_acquire(swift_task_getCurrent());
  __attribute__((musttail)) return REAL(function *, "swift_continuation_await")(context);
}

// MARK: References

// A buffer that others have let go of is written to in place. What a thread did with it comes before
// that, by the count of references.
#define RELEASED __attribute__((preserve_most))

RELEASED void swift_release(void *object) {
  typedef void function(void *);
  if (object) __tsan_release(object);
  REAL(function *, "swift_release")(object);
}

RELEASED void swift_release_n(void *object, uint32_t count) {
  typedef void function(void *, uint32_t);
  if (object) __tsan_release(object);
  REAL(function *, "swift_release_n")(object, count);
}

// The upper bits of a reference may tell what it is to.
#define OBJECT(reference) ((void *)((uintptr_t)(reference) & 0x00fffffffffffff8))

RELEASED void swift_bridgeObjectRelease(void *reference) {
  typedef void function(void *);
  if ((intptr_t)reference > 0 && OBJECT(reference)) __tsan_release(OBJECT(reference));
  REAL(function *, "swift_bridgeObjectRelease")(reference);
}

bool swift_isUniquelyReferenced_nonNull_native(const void *object) {
  typedef bool function(const void *);
  bool is_unique = REAL(function *, "swift_isUniquelyReferenced_nonNull_native")(object);
  if (is_unique) __tsan_acquire((void *)object);
  return is_unique;
}

bool swift_isUniquelyReferenced_native(const void *object) {
  typedef bool function(const void *);
  bool is_unique = REAL(function *, "swift_isUniquelyReferenced_native")(object);
  if (is_unique && object) __tsan_acquire((void *)object);
  return is_unique;
}
#endif
