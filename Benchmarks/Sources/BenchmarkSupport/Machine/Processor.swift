import Foundation

/// The processor as the system names it.
public struct Processor: Codable, Equatable, Sendable {
  public var model: String
  public var cores: Int
  /// Instruction sets that the kernels can use.
  public var features: [String]

  static let interesting = [
    "sse4_2", "fma", "f16c", "avx", "avx2", "avx_vnni", "avx512f", "avx512bw", "avx512vl",
    "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8",
    "asimd", "asimdhp", "asimddp", "i8mm", "sve", "sve2",
  ]

  public static func current() -> Processor {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    #if os(Linux)
      return parse(cpuinfo: textFile("/proc/cpuinfo") ?? "", cores: cores)
    #elseif canImport(Darwin)
      #if arch(arm64)
        let features = ["neon"]
      #else
        let features: [String] = []
      #endif
      return Processor(
        model: systemString("machdep.cpu.brand_string") ?? "unknown", cores: cores,
        features: features)
    #else
      return Processor(model: "unknown", cores: cores, features: [])
    #endif
  }

  static func parse(cpuinfo: String, cores: Int) -> Processor {
    let line =
      field("flags", of: cpuinfo, separator: ":")
      ?? field("Features", of: cpuinfo, separator: ":") ?? ""
    let present = Set(line.split(separator: " ").map(String.init))
    var features = interesting.filter(present.contains)
    if present.contains("asimd") { features.insert("neon", at: 0) }
    return Processor(
      model: field("model name", of: cpuinfo, separator: ":") ?? armModel(cpuinfo) ?? "unknown",
      cores: cores, features: features)
  }

  /// Arm kernels give numbers in place of a name.
  private static func armModel(_ cpuinfo: String) -> String? {
    guard let implementer = field("CPU implementer", of: cpuinfo, separator: ":"),
      let part = field("CPU part", of: cpuinfo, separator: ":")
    else { return nil }
    return "Arm \(implementer) part \(part)"
  }
}

#if canImport(Darwin)
  func systemString(_ name: String) -> String? {
    var size = 0
    guard sysctlbyname(name, nil, &size, nil, 0) == 0, size > 1 else { return nil }
    var bytes = [UInt8](repeating: 0, count: size)
    guard sysctlbyname(name, &bytes, &size, nil, 0) == 0 else { return nil }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
#endif
