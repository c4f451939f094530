import CEngramSQLite
import EngramIndex
import Foundation
import GRDB
import SystemPackage

/// What a store refuses or cannot do, and what to do about it.
///
/// Where it refuses input, nothing was written and the store goes on.
public enum StoreError: Error, Sendable {
  /// The path cannot hold a store: a file, a directory of something else, or not writable.
  case unusablePath(String, reason: String)
  /// There is no store at the path.
  case noStore(String)
  /// What was to be made is there already.
  case exists(String)
  /// Somebody has the store open where it must be closed, or repairs it.
  case inUse(String)
  /// The store was written by a newer Engram.
  case newerFormat(found: Int, supported: Int)
  /// The store was made with other settings than those asked for.
  case mismatch(setting: String, stored: String, requested: String)
  /// What was asked of a reembed is not to be had as things stand: what is, and what to do about it.
  case reembed(reason: String)
  /// A vector, k, ef or row that the index refuses.
  case index(IndexError)
  /// A field of a memory that is not acceptable.
  case invalid(field: String, reason: String)
  case unknownMemory(UUID)
  /// A memory that is not at the version any more for which something was to be written.
  case changed(UUID)
  /// An id that another memory has, or that one of another scope had.
  case duplicateID(UUID)
  /// An insert with the key of an earlier one that brought another text.
  case conflictingKey(String)
  /// An episode of which memories have been made already, or that is none.
  case notWaiting(UUID)
  /// Memories were erased after this change, up to which what is to be written was read.
  case erasedSince(Int64)
  /// A metadata filter that cannot be served.
  case filter(FilterError)
  /// A cursor that this store did not give.
  case badCursor(String)
  /// A moment before the horizon: compaction has cut what the store knew of it.
  case beforeHorizon(asked: Date, horizon: Date)
  /// A file of the store is damaged.
  case damaged(file: String, reason: String)
  /// A line of an export was cut off, altered, or is none of an export's.
  case badExport(file: String, line: Int, reason: String)
  /// The operating system refused a call on a file.
  case system(Errno, action: String, path: String)
  /// SQLite refused; its extended result code and message.
  case database(code: Int, message: String)
  /// Writing has stopped until the store is opened again, because of an earlier failure.
  case readOnly(cause: String)
  /// The commit failed in a way that leaves open whether it took place.
  case commitOutcomeUnknown(cause: String)
  /// Memories have been erased from all that can be read, but bytes of them may still be in files.
  case erasureUnfinished(reason: String)
  /// The store of a tenant could not be had in time: all that a pool may open are in use, or opening it
  /// takes long.
  case busy(tenant: String)
  /// The store, or the pool of stores, has been closed.
  case closed
  /// The task of the caller was cancelled before the write began, or in the middle of a call that
  /// takes long: nothing of it is left.
  case cancelled

  static func io(_ error: any Error, _ action: String, _ path: FilePath) -> StoreError {
    .system(error as? Errno ?? .ioError, action: action, path: path.string)
  }

  /// An error of a lower layer as the store's own.
  init(_ error: any Error) {
    switch error {
    case let error as StoreError: self = error
    case let error as IndexError: self = .index(error)
    case let error as FilterError: self = .filter(error)
    case let error as DatabaseError:
      self = .database(
        code: Int(error.extendedResultCode.rawValue), message: error.message ?? "no message")
    default: self = .database(code: 0, message: "\(error)")
    }
  }
}

extension StoreError {
  /// Whether SQLite found no space. In COMMIT it was the log's last page that did not, without which
  /// nothing has been committed.
  var isDiskFull: Bool {
    guard case .database(let code, _) = self else { return false }
    return code & 0xFF == SQLITE_FULL
  }

  /// Whether SQLite was refused memory, by itself or at a file.
  var isOutOfMemory: Bool {
    guard case .database(let code, _) = self else { return false }
    return code & 0xFF == SQLITE_NOMEM || code == SQLITE_IOERR | 12 << 8
  }
}

extension StoreError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unusablePath(let path, let reason):
      "\(path) cannot hold a store: \(reason)."
    case .noStore(let path): "There is no store at \(path)."
    case .exists(let path): "\(path) exists already; choose a path where nothing is."
    case .inUse(let path):
      "The store at \(path) is open, or being repaired; wait until that is done, or close it there."
    case .newerFormat(let found, let supported):
      "The store has format \(found); this Engram reads up to \(supported). Use a newer Engram."
    case .mismatch(let setting, let stored, let requested):
      "The store's \(setting) is \(stored), not \(requested). Open it with its own settings, or "
        + "make a new store."
    case .reembed(let reason): "\(reason)."
    case .index(let error): error.description
    case .invalid(let field, let reason): "\(field): \(reason)."
    case .unknownMemory(let id): "There is no memory \(id.uuidString.lowercased())."
    case .changed(let id):
      "Memory \(id.uuidString.lowercased()) has been changed meanwhile; read it again."
    case .duplicateID(let id):
      "A memory \(id.uuidString.lowercased()) exists already, or did in another scope; update it, or "
        + "choose another id."
    case .conflictingKey(let key):
      "An insert with the key \(key) has brought another text before; repeat it as it was, or "
        + "choose another key."
    case .notWaiting(let id):
      "No memories are to be made of episode \(id.uuidString.lowercased()) any more."
    case .erasedSince(let change):
      "Memories were erased since change \(change), and what is to be written may say what they said; read "
        + "what is there now and write that."
    case .filter(let error): "\(error)"
    case .beforeHorizon(let asked, let horizon):
      "The store knows nothing any more of what was before \(Timestamp.text(horizon)); asked for was "
        + "\(Timestamp.text(asked))."
    case .badCursor(let cursor):
      "\(cursor) is no cursor of this store; pass one that a list returned, or none."
    case .damaged(let file, let reason):
      "\(file) is damaged: \(reason). Restore it from a backup, or delete it where the format "
        + "says that it is derived."
    case .badExport(let file, let line, let reason):
      "\(file), line \(line): \(reason). The export was cut off or altered; nothing was imported."
    case .system(let code, let action, let path):
      "\(action) \(path) failed: \(code.description) (errno \(code.rawValue))."
    case .database(let code, let message): "SQLite error \(code): \(message)."
    case .readOnly(let cause):
      "The store takes no more writes since a write failed (\(cause)); close it and open it again."
    case .commitOutcomeUnknown(let cause):
      "The commit failed and may or may not have taken place (\(cause)); open the store again and "
        + "look."
    case .erasureUnfinished(let reason):
      "The memories are gone from all that can be read, but not from every file yet: \(reason). Call "
        + "compact when that has ended, or open the store again."
    case .busy(let tenant):
      "The store of \(tenant) could not be had in time; try again, or let more stores be open at once."
    case .closed: "The store is closed."
    case .cancelled: "The task was cancelled; nothing of what it began is left."
    }
  }
}
