import Foundation

extension MiniLM {
  /// Where the model is kept: the folder that the environment variable `ENGRAM_MODEL_DIR` names, else
  /// `engram/models/all-MiniLM-L6-v2` in the platform's directory for caches.
  public static var defaultFolder: String {
    defaultFolder(
      environment: ProcessInfo.processInfo.environment,
      home: FileManager.default.homeDirectoryForCurrentUser.path)
  }

  static func defaultFolder(environment: [String: String], home: String) -> String {
    if let named = environment["ENGRAM_MODEL_DIR"], !named.isEmpty { return named }
    #if canImport(Darwin)
      let caches = home + "/Library/Caches"
    #else
      // A relative path there is none: the specification says to pass over it.
      let named = environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
      let caches = named ?? home + "/.cache"
    #endif
    return caches + "/engram/models/" + name
  }

  /// Reads the model that `engram model fetch`, or ``fetch(into:progress:)``, has put into a folder.
  ///
  /// - Parameter folder: ``defaultFolder`` where nil.
  /// - Throws: `ModelError.unreadable` where it is not there, which says how to get it.
  public static func installed(in folder: String? = nil) throws(ModelError) -> MiniLM {
    let folder = folder ?? defaultFolder
    guard FileManager.default.fileExists(atPath: folder + "/model.safetensors") else {
      throw .unreadable(file: folder + "/model.safetensors", reason: "the model is not there")
    }
    return try MiniLM(folder: folder)
  }

  /// Whether all files of the model are in a folder and have the checksums that they were made with.
  ///
  /// - Parameter folder: ``defaultFolder`` where nil.
  public static func isWhole(in folder: String? = nil) -> Bool {
    ModelPackage.miniLM.isWhole(in: folder ?? defaultFolder)
  }
}
