// Tells the thread sanitizer how libraries that were built without it order memory: Swift's Mutex
// where it has to wait, Dispatch, tasks that go on in another thread, counts of references. Otherwise
// empty. Linked, it is at work: what the main executable defines is found before a shared library's
// own.
