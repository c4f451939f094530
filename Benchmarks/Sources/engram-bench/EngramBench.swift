import ArgumentParser
import BenchmarkSupport
import EngramIndex
import Foundation

@main
struct EngramBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "engram-bench",
    abstract: "Measures Engram on this machine and says how far the figures can be trusted.",
    subcommands: [
      Run.self,
      Open.self,
      StoreFilters.self,
      Ask.self,
      Support.self,
      Retrieval.self,
      ANN.self,
      ANNFilters.self,
      Scale.self,
      Churn.self,
      Contention.self,
      ContentionProcess.self,
      KernelBench.self,
      Embed.self,
    ])
}

/// What every report says of where and with what it was made.
struct Setting: Encodable {
  var machine: MachineInfo
  var kernels: String
  var blas: String
  var volume: Volume?

  init(directory: String? = nil) {
    machine = .current()
    kernels = Kernels.name
    blas = BLAS.name
    volume = directory.map(Volume.holding)
  }

  var lines: [String] {
    var lines = machine.lines + ["kernels \(kernels), BLAS \(blas)"]
    if let volume { lines.append("stores on \(volume.summary)") }
    if Kernels.overrideRefused {
      lines.append("ENGRAM_KERNELS names a variant this machine cannot run; the fastest is used")
    }
    if machine.build != "release" {
      lines.append("a \(machine.build) build: the figures mean nothing; build with -c release")
    }
    return lines
  }
}

/// Where a command that writes stores puts them.
struct StoreLocation: ParsableArguments {
  @Option(help: "Folder for the stores: the disk to be measured. Made and emptied.")
  var dir = ".build/bench-stores"

  @Flag(help: "Measure durable writes even on a file system that keeps nothing.")
  var allowVolatile = false

  /// An empty folder of that name below `dir`.
  func fresh(_ name: String) throws -> String {
    let path = URL(fileURLWithPath: dir).appendingPathComponent(name).path
    try? FileManager.default.removeItem(atPath: path)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  func refuseVolatile() throws {
    guard Volume.holding(dir).isVolatile, !allowVolatile else { return }
    throw ValidationError(
      "\(dir) lies on a file system that keeps nothing over a restart, so durability cannot be "
        + "measured there. Give another folder with --dir, or pass --allow-volatile.")
  }
}

func microseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e3 }
