import SystemPackage

/// The right to some work on a store that one at a time does: it ends with this value, or with the process.
package final class Claim: Sendable {
  private let file: File

  fileprivate init(_ file: File) { self.file = file }
}

extension Store {
  /// Takes the right to some work, for everybody who has the store open, in whatever process.
  ///
  /// - Parameter work: names a file in the store's directory, with `.lock` at its end.
  /// - Returns: nil where somebody else has it.
  package func claim(_ work: String) throws(StoreError) -> Claim? {
    try core.ensureOpen()
    let file = try File.open(core.directory.appending(work + ".lock"), .create)
    return try file.lock(wait: false) ? Claim(file) : nil
  }
}
