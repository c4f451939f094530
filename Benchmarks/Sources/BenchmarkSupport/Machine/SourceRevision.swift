import Foundation

/// The commit that a folder's working tree stands on; nil without git or outside a clone.
public func sourceRevision(
  of folder: String = FileManager.default.currentDirectoryPath
) -> String? {
  guard let revision = gitOutput(["rev-parse", "--short", "HEAD"], in: folder) else { return nil }
  let changes = gitOutput(["status", "--porcelain", "--untracked-files=no"], in: folder) ?? ""
  return changes.isEmpty ? revision : revision + " with changes"
}

private func gitOutput(_ arguments: [String], in folder: String) -> String? {
  guard let git = findExecutable("git") else { return nil }
  let process = Process()
  let output = Pipe()
  process.executableURL = URL(fileURLWithPath: git)
  process.arguments = ["-C", folder] + arguments
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = output
  process.standardError = FileHandle.nullDevice
  guard (try? process.run()) != nil else { return nil }
  let data = (try? output.fileHandleForReading.readToEnd()) ?? Data()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else { return nil }
  return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
}
