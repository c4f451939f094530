/// Which stores of a pool are open, who uses them and who waits: all decisions of a `StorePool`, none of
/// its work. What is to be done next is left in `steps`.
struct PoolState {
  typealias Answer<Value> = @Sendable (Result<Value, StoreError>) -> Void

  /// Work that follows from a change, to be done once the state's lock has been given back.
  enum Step: Sendable {
    case open(TenantName)
    case close(TenantName, Store)
    case answer(@Sendable () -> Void)
  }

  private struct Waiter<Value> {
    let ticket: Int
    let answer: Answer<Value>
  }

  private enum Phase {
    case closed
    /// The tenant has this number in the queue for a place.
    case queued(Int)
    case opening
    case open(Store)
    case closing
    /// Somebody has the tenant alone, with its store closed.
    case held
  }

  private struct Tenant {
    var phase = Phase.closed
    /// How many use the store.
    var leases = 0
    /// Those who want to use it, and those who want it closed and for themselves: these go first.
    var users: [Waiter<Store>] = []
    var holders: [Waiter<Void>] = []
    /// When it was used last, counted in ends of use.
    var lastUse = 0
    /// Memory that the store may take.
    var bytes = 0
  }

  /// Stores that are open, being opened or being closed: as many as have files open.
  private struct Counts {
    var opening = 0
    var open = 0
    var closing = 0
    var held = 0
    var inUse = 0
    var total: Int { opening + open + closing }
    var idle: Int { open - inUse }
  }

  private let limit: Int
  private let byteLimit: Int
  /// Places that are kept free where stores are idle, so that a tenant who comes next need not wait until
  /// another's store is closed.
  private let spare: Int
  private var tenants: [TenantName: Tenant] = [:]
  private var counts = Counts()
  /// Tenants for whose store there is no place yet, by their numbers; the first has this one or a later.
  private var queue: [Int: TenantName] = [:]
  private var firstInQueue = 0
  private var nextInQueue = 0
  private var bytes = 0
  private var uses = 0
  private var opened = 0
  private var evicted = 0
  private var isClosed = false
  private var closeFailure: StoreError?
  private var closers: [Answer<Void>] = []
  private var steps: [Step] = []

  init(limit: Int, byteLimit: Int, spare: Int) {
    self.limit = limit
    self.byteLimit = byteLimit
    self.spare = spare
  }

  mutating func takeSteps() -> [Step] {
    defer { steps = [] }
    return steps
  }

  var statistics: PoolStatistics {
    PoolStatistics(
      open: counts.total, inUse: counts.inUse,
      waiting: tenants.values.reduce(0) { $0 + $1.users.count + $1.holders.count },
      opened: opened, evicted: evicted, memoryBytes: bytes)
  }

  // MARK: Requests

  /// The store of a tenant, where it can be used at once.
  mutating func lease(_ name: TenantName) throws(StoreError) -> Store? {
    if isClosed { throw .closed }
    guard let tenant = tenants[name], case .open(let store) = tenant.phase, tenant.holders.isEmpty
    else { return nil }
    addLeases(1, to: name)
    return store
  }

  /// Lets `answer` have the store of a tenant once it is open.
  mutating func wait(for name: TenantName, ticket: Int, _ answer: @escaping Answer<Store>) {
    if isClosed { return self.answer(answer, .failure(.closed)) }
    tenants[name, default: Tenant()].users.append(Waiter(ticket: ticket, answer: answer))
    settle(name)
  }

  /// Lets `answer` have a tenant alone, with its store closed.
  mutating func hold(_ name: TenantName, ticket: Int, _ answer: @escaping Answer<Void>) {
    if isClosed { return self.answer(answer, .failure(.closed)) }
    tenants[name, default: Tenant()].holders.append(Waiter(ticket: ticket, answer: answer))
    settle(name)
  }

  /// Answers one who waits with an error; one who has been answered stays so.
  mutating func giveUp(_ name: TenantName, ticket: Int, _ error: StoreError) {
    guard var tenant = tenants[name] else { return }
    if let index = tenant.users.firstIndex(where: { $0.ticket == ticket }) {
      answer(tenant.users.remove(at: index).answer, .failure(error))
    } else if let index = tenant.holders.firstIndex(where: { $0.ticket == ticket }) {
      answer(tenant.holders.remove(at: index).answer, .failure(error))
    }
    tenants[name] = tenant
    settle(name)
  }

  /// Refuses all requests, those that wait too, and closes all stores.
  ///
  /// - Parameter answer: called when none is in use, and all are closed.
  mutating func close(_ answer: @escaping Answer<Void>) {
    isClosed = true
    closers.append(answer)
    for name in tenants.keys {
      for user in tenants[name]?.users ?? [] { self.answer(user.answer, .failure(.closed)) }
      for holder in tenants[name]?.holders ?? [] { self.answer(holder.answer, .failure(.closed)) }
      tenants[name]?.users = []
      tenants[name]?.holders = []
      settle(name)
    }
    answerClosers()
  }

  // MARK: What has been done

  mutating func hasOpened(_ name: TenantName, _ result: Result<Store, StoreError>, bytes: Int) {
    counts.opening -= 1
    switch result {
    case .success(let store):
      opened += 1
      counts.open += 1
      tenants[name]?.phase = .open(store)
      note(bytes, of: name)
      used(name)
    case .failure(let error):
      let users = tenants[name]?.users ?? []
      for user in users { answer(user.answer, .failure(error)) }
      tenants[name]?.users = []
      tenants[name]?.phase = .closed
    }
    settle(name)
    answerClosers()
  }

  /// - Parameter bytes: memory that the store may take now.
  mutating func endLease(_ name: TenantName, bytes: Int) {
    note(bytes, of: name)
    used(name)
    addLeases(-1, to: name)
    settle(name)
  }

  mutating func hasClosed(_ name: TenantName, failure: StoreError?) {
    counts.closing -= 1
    closeFailure = closeFailure ?? failure
    tenants[name]?.phase = .closed
    settle(name)
    answerClosers()
  }

  mutating func endHold(_ name: TenantName) {
    counts.held -= 1
    tenants[name]?.phase = .closed
    settle(name)
    answerClosers()
  }

  private mutating func used(_ name: TenantName) {
    uses += 1
    tenants[name]?.lastUse = uses
  }

  private mutating func note(_ bytes: Int, of name: TenantName) {
    self.bytes += bytes - (tenants[name]?.bytes ?? 0)
    tenants[name]?.bytes = bytes
  }

  private mutating func addLeases(_ count: Int, to name: TenantName) {
    guard let before = tenants[name]?.leases else { return }
    tenants[name]?.leases = before + count
    counts.inUse += (before + count > 0 ? 1 : 0) - (before > 0 ? 1 : 0)
  }

  // MARK: What follows

  /// Does for a tenant what can be done now.
  private mutating func settle(_ name: TenantName) {
    guard let tenant = tenants[name] else { return }
    switch tenant.phase {
    case .opening, .closing, .held: break
    case .closed, .queued:
      if let holder = tenant.holders.first {
        leaveQueue(tenant)
        tenants[name]?.holders.removeFirst()
        tenants[name]?.phase = .held
        counts.held += 1
        answer(holder.answer, .success(()))
      } else if tenant.users.isEmpty {
        leaveQueue(tenant)
        tenants[name] = nil
      } else if case .closed = tenant.phase {
        tenants[name]?.phase = .queued(nextInQueue)
        queue[nextInQueue] = name
        nextInQueue += 1
      }
    case .open(let store):
      if tenant.holders.isEmpty, !tenant.users.isEmpty {
        for user in tenant.users { answer(user.answer, .success(store)) }
        tenants[name]?.users = []
        addLeases(tenant.users.count, to: name)
      } else if tenant.leases == 0, isClosed || !tenant.holders.isEmpty {
        close(name, store)
      }
    }
    schedule()
  }

  private mutating func leaveQueue(_ tenant: Tenant) {
    if case .queued(let number) = tenant.phase { queue[number] = nil }
  }

  /// Gives places to those who wait, and closes idle stores, the least recently used first, where places
  /// or memory are short.
  private mutating func schedule() {
    while counts.total < limit, !queue.isEmpty {
      firstInQueue += 1
      guard let name = queue.removeValue(forKey: firstInQueue - 1) else { continue }
      counts.opening += 1
      tenants[name]?.phase = .opening
      steps.append(.open(name))
    }
    while counts.idle > 0,
      limit - counts.open - counts.opening < queue.count + spare || bytes > byteLimit
    {
      let idle = tenants.lazy.filter { $0.value.leases == 0 }
        .compactMap { name, tenant -> (name: TenantName, store: Store, lastUse: Int)? in
          guard case .open(let store) = tenant.phase else { return nil }
          return (name, store, tenant.lastUse)
        }
      guard let oldest = idle.min(by: { $0.lastUse < $1.lastUse }) else { return }
      evicted += 1
      close(oldest.name, oldest.store)
    }
  }

  private mutating func close(_ name: TenantName, _ store: Store) {
    counts.open -= 1
    counts.closing += 1
    note(0, of: name)
    tenants[name]?.phase = .closing
    steps.append(.close(name, store))
  }

  private mutating func answerClosers() {
    guard isClosed, counts.total == 0, counts.held == 0 else { return }
    for closer in closers { answer(closer, closeFailure.map { .failure($0) } ?? .success(())) }
    closers = []
  }

  private mutating func answer<Value: Sendable>(
    _ answer: @escaping Answer<Value>, _ result: Result<Value, StoreError>
  ) {
    steps.append(.answer { answer(result) })
  }
}
