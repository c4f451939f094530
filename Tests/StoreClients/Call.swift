import Foundation

/// A call of a client on a store: what it asked and when, and what it was answered.
///
/// Clients work on a few memories that are known by a number. Every write of one has a version of its
/// own, a number above 0, and what is read tells the version that it is.
public struct Call: Sendable, Codable {
  public enum Request: Sendable, Codable, Hashable {
    /// All of them or none.
    case insert([Written])
    /// With the key of the memory.
    case insertOnce(Written)
    /// Text and metadata, with or without the vector.
    case update(Written, vector: Bool)
    case delete([Int])
    case get(Int)
    case vector(Int)
    /// The memories of a user, or all.
    case list(user: Int?)
    /// The same by similarity; if `even`, those only whose version is even.
    case search(user: Int?, even: Bool)
  }

  public struct Written: Sendable, Codable, Hashable {
    public var memory: Int
    public var version: Int

    public init(_ memory: Int, _ version: Int) {
      self.memory = memory
      self.version = version
    }
  }

  public enum Answer: Sendable, Codable, Hashable {
    case done
    case unknownMemory, duplicateID, conflictingKey, cancelled
    /// Nil where there is none.
    case memory(Read?)
    /// The version that the vector is of.
    case vector(Int?)
    case memories([Read])
    /// What no store may answer, and why.
    case wrong(String)
  }

  public struct Read: Sendable, Codable, Hashable {
    public var memory: Int
    /// The versions of its text and its vector.
    public var version: Int
    public var vector: Int

    public init(_ memory: Int, _ version: Int, vector: Int? = nil) {
      self.memory = memory
      self.version = version
      self.vector = vector ?? version
    }
  }

  public var client: Int
  public var request: Request
  /// On a clock that all processes share.
  public var begin: UInt64
  public var end: UInt64
  /// Nil where it is not known: the process ended first, or the store could not tell.
  public var answer: Answer?

  public init(
    client: Int = 0, _ request: Request, from begin: UInt64, to end: UInt64, _ answer: Answer?
  ) {
    self.client = client
    self.request = request
    self.begin = begin
    self.end = end
    self.answer = answer
  }

  /// Nanoseconds of the system's monotonic clock, which all its processes share.
  public static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
