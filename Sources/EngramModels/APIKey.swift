import Foundation

/// A secret that shows itself to nobody: printed, interpolated, dumped or reflected it is `***`.
public struct APIKey: Sendable, Hashable {
  /// The key itself, for the header that carries it.
  let secret: String

  /// White space around the key, which files and shells leave there, is no part of it.
  public init(_ secret: String) {
    self.secret = secret.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

extension APIKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "***" }
  public var debugDescription: String { "***" }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
