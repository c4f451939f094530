#if canImport(Accelerate)
  import Accelerate
#else
  import CBLAS
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Matrix products, for work where many vectors meet at once.
public enum BLAS {
  /// `result[i][j] = dot(a[i], b[j])`: rows of `a` and `b` have `length` components and lie one
  /// after the other; `result` has a row of `bRows` for each row of `a`.
  @inline(__always)
  public static func products(
    _ a: UnsafePointer<Float>, rows aRows: Int, _ b: UnsafePointer<Float>, rows bRows: Int,
    length: Int, into result: UnsafeMutablePointer<Float>
  ) {
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, Int32(aRows), Int32(bRows), Int32(length), 1,
      a, Int32(length), b, Int32(length), 0, result, Int32(bRows))
  }

  /// `result[i] = dot(a[i], x)`.
  @inline(__always)
  public static func products(
    _ a: UnsafePointer<Float>, rows: Int, with x: UnsafePointer<Float>, length: Int,
    into result: UnsafeMutablePointer<Float>
  ) {
    cblas_sgemv(
      CblasRowMajor, CblasNoTrans, Int32(rows), Int32(length), 1, a, Int32(length), x, 1, 0,
      result, 1)
  }

  public static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ length: Int)
    -> Float
  {
    cblas_sdot(Int32(length), a, 1, b, 1)
  }

  /// How many threads the library may use for one product. Only OpenBLAS takes orders.
  public static func setThreads(_ count: Int) {
    typealias Setter = @convention(c) (Int32) -> Void
    guard let symbol = symbol("openblas_set_num_threads") else { return }
    unsafeBitCast(symbol, to: Setter.self)(Int32(clamping: count))
  }

  /// Which library answers, with the kernel it chose where it tells.
  public static var name: String {
    #if canImport(Accelerate)
      return "Accelerate"
    #else
      typealias Getter = @convention(c) () -> UnsafePointer<CChar>?
      guard let config = symbol("openblas_get_config"), let core = symbol("openblas_get_corename")
      else { return "reference BLAS" }
      let version = unsafeBitCast(config, to: Getter.self)().map { String(cString: $0) } ?? ""
      let kernel = unsafeBitCast(core, to: Getter.self)().map { String(cString: $0) } ?? "?"
      return version.split(separator: " ").prefix(2).joined(separator: " ") + ", \(kernel) kernels"
    #endif
  }

  private static func symbol(_ name: String) -> UnsafeMutableRawPointer? {
    dlsym(dlopen(nil, RTLD_NOW), name)
  }
}
