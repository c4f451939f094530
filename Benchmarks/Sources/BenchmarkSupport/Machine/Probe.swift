import Foundation
import Synchronization

/// A thread that takes one sample after the other of what the machine does, beside something that is
/// measured, until it is stopped.
public final class Probe: Sendable {
  private let isStopped = Atomic<Bool>(false)
  private let taken = Mutex((samples: Samples(), failure: DataFileError?.none))
  private let done = DispatchSemaphore(value: 0)

  /// Takes one sample at least; `interval` are the seconds between two.
  init(
    every interval: Double = 0, _ sample: @escaping @Sendable () throws(DataFileError) -> UInt64
  ) {
    let thread = Thread { [self] in
      repeat {
        do throws(DataFileError) {
          let value = try sample()
          taken.withLock { $0.samples.append(value) }
        } catch {
          taken.withLock { $0.failure = error }
          break
        }
        if interval > 0 { Thread.sleep(forTimeInterval: interval) }
      } while !isStopped.load(ordering: .relaxed)
      done.signal()
    }
    thread.name = "engram-bench.probe"
    thread.start()
  }

  /// Ends the thread and waits for that; once only.
  public func stop() throws(DataFileError) -> Samples {
    isStopped.store(true, ordering: .relaxed)
    done.wait()
    let (samples, failure) = taken.withLock { $0 }
    if let failure { throw failure }
    return samples
  }

  /// How late a thread wakes that does nothing but sleep for a millisecond: what any thread waits for
  /// a processor, and for the timer.
  public static func wakeUps() -> Probe {
    Probe { () throws(DataFileError) in
      let due = MonotonicClock.now() + 1_000_000
      Thread.sleep(forTimeInterval: 0.001)
      let now = MonotonicClock.now()
      return now - min(now, due)
    }
  }

  /// How long a sync of 4 KB takes that have been written over, of a file that it makes: what the disk
  /// gives, at a rate that leaves the disk to the others.
  public static func syncs(of file: String) throws(DataFileError) -> Probe {
    let descriptor = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .cannotWrite(file: file, reason: reason()) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    // The first sync of a file is one of its length, too.
    _ = try sync(handle, file)
    return Probe(every: 0.05) { () throws(DataFileError) in try sync(handle, file) }
  }

  private static func sync(_ handle: FileHandle, _ file: String) throws(DataFileError) -> UInt64 {
    let block = [UInt8](repeating: UInt8.random(in: 1...255), count: 4_096)
    guard pwrite(handle.fileDescriptor, block, block.count, 0) == block.count else {
      throw .cannotWrite(file: file, reason: reason())
    }
    let start = MonotonicClock.now()
    #if os(Linux)
      let status = fdatasync(handle.fileDescriptor)
    #else
      let status = fcntl(handle.fileDescriptor, F_FULLFSYNC)
    #endif
    guard status == 0 else { throw .cannotWrite(file: file, reason: reason()) }
    return MonotonicClock.now() - start
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}
