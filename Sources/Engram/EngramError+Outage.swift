import EngramIndex
import EngramModels
import EngramStore

extension EngramError {
  /// Whether the database or a service could not do what it should, so that the same call may succeed later:
  /// not that what was asked for is wrong, that the caller has cancelled it, or that the store is another
  /// one.
  public var isOutage: Bool {
    switch self {
    case .invalid, .noScope, .otherModel, .markdown: false
    case .model(let error): error.isOutage
    case .store(let error): error.isOutage
    }
  }
}

extension ModelError {
  fileprivate var isOutage: Bool {
    switch self {
    case .invalid, .cancelled: false
    // The request itself was found wrong.
    case .service(400, _), .service(413, _), .service(422, _): false
    case .service, .unreadable, .damaged, .unfetched, .unreachable, .timedOut, .rateLimited, .badReply: true
    }
  }
}

extension StoreError {
  fileprivate var isOutage: Bool {
    switch self {
    case .unusablePath, .noStore, .inUse, .damaged, .system, .database, .readOnly, .commitOutcomeUnknown,
      .busy, .closed, .index(.full), .index(.outOfMemory), .index(.damagedSnapshot):
      true
    case .exists, .newerFormat, .mismatch, .index, .invalid, .unknownMemory, .duplicateID, .conflictingKey,
      .notWaiting, .erasedSince, .filter, .badCursor, .beforeHorizon, .badExport, .erasureUnfinished,
      .cancelled, .reembed, .changed:
      false
    }
  }
}
