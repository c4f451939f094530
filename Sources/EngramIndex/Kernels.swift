import CEngramKernels

/// The distance kernels in use, chosen once per process for the processor it runs on.
public enum Kernels {
  // C returns a pointer to a constant table that lives as long as the process.
  static let active = engram_kernels_active().pointee

  /// The variant's name: `portable`, `avx2`, `avx512` or `neon`.
  public static var name: String { String(cString: active.name) }

  /// Whether `ENGRAM_KERNELS` names a variant that this machine cannot run (the fastest is used).
  public static var overrideRefused: Bool { engram_kernels_override_refused() != 0 }

  /// The variants that this machine can run, slowest first.
  public static var available: [String] {
    (0..<engram_kernels_count()).compactMap { index in
      engram_kernels_at(index).map { String(cString: $0.pointee.name) }
    }
  }
}
