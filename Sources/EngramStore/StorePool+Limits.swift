import EngramIndex
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension StorePool {
  /// What a pool may take of the machine.
  public struct Limits: Sendable {
    /// Stores that are open at once, with those being opened and closed; at least 1. Each takes 8 open
    /// files, 2 more for each further read at the same time, 2 threads and about 45 maps; and address
    /// space, see `defaultOpenStores`. Nil for the default.
    public var openStores: Int?
    /// Bytes of memory that open stores may take before idle ones are closed: their indexes, postings
    /// and caches, counted as if these were full. A store in use is never closed, whatever it takes.
    public var memoryBytes: Int
    /// How long a caller waits for a store: until one of too many that are in use is given back, and
    /// until its own is open.
    public var patience: Duration

    /// - Parameter memoryBytes: by default a quarter of the machine's memory.
    public init(
      openStores: Int? = nil,
      memoryBytes: Int = Int(ProcessInfo.processInfo.physicalMemory / 4),
      patience: Duration = .seconds(30)
    ) {
      self.openStores = openStores
      self.memoryBytes = memoryBytes
      self.patience = patience
    }

    /// The stores that a pool has open at once where its limits do not say: what half of the files that
    /// the process may open (`RLIMIT_NOFILE`, soft) suffices for, at 12 a store, and half of its address
    /// space, at 85 GB a store for 384 dimensions and 300 GB for 1,536; 256 at most, with which neither
    /// threads nor maps become many.
    public static func defaultOpenStores(_ configuration: StoreConfiguration) -> Int {
      let bytesPerRow = VectorPages.slotBytes(dimension: configuration.dimension) * 3 / 2 + 256
      let byAddresses = addresses / 2 / (IndexLimits.rows * bytesPerRow)
      return max(1, min(mostByDefault, openFiles / 2 / filesPerStore, byAddresses))
    }

    private static let mostByDefault = 256
    /// Two readers more than an idle store has.
    private static let filesPerStore = 12
    /// Of user space on x86-64, and on arm64 where it is least.
    private static let addresses = 1 << 47

    private static var openFiles: Int {
      var limit = rlimit()
      #if canImport(Glibc)
        let resource = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
      #else
        let resource = RLIMIT_NOFILE
      #endif
      guard getrlimit(resource, &limit) == 0 else { return 0 }
      return Int(clamping: limit.rlim_cur)
    }
  }
}
