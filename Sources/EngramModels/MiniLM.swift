import Foundation

/// The sentence model all-MiniLM-L6-v2: 384 components (Wang et al., *MiniLM*, 2020; trained for sentences
/// by Reimers and Gurevych's *Sentence-BERT*, 2019), run on this machine's processor.
///
/// A text of more than 256 tokens is cut; its vector is the mean over all tokens, of length 1.
public struct MiniLM: Sendable {
  /// The name that a vector space records.
  public static let name = "all-MiniLM-L6-v2"
  /// Tokens of a text, the two at its ends included.
  public static let longestText = 256

  public let tokenizer: WordPieceTokenizer
  private let encoder: BERTEncoder
  private let folder: String

  /// Components of each vector.
  public var dimension: Int { encoder.configuration.width }

  /// Reads the model from a folder with `vocab.txt`, `config.json` and `model.safetensors`, and packs its
  /// weights: some tens of milliseconds and 21 MB.
  ///
  /// - Throws: `ModelError.unreadable` where a file is missing, `.damaged` where one is not what it must be.
  public init(folder: String) throws(ModelError) {
    let configuration = try BERTConfiguration(contentsOf: folder + "/config.json")
    let vocabulary = try Vocabulary(contentsOf: folder + "/vocab.txt")
    guard configuration.positions >= Self.longestText else {
      throw .damaged(
        file: folder + "/config.json",
        reason: "the model has places for \(configuration.positions) tokens, not for \(Self.longestText)")
    }
    // The encoder reads a row of its table for each number that the tokenizer gives.
    guard vocabulary.count == configuration.vocabulary else {
      throw .damaged(
        file: folder + "/vocab.txt",
        reason: "it has \(vocabulary.count) pieces, the model \(configuration.vocabulary)")
    }
    self.folder = folder
    tokenizer = WordPieceTokenizer(vocabulary: vocabulary)
    encoder = try BERTEncoder(
      configuration: configuration, tensors: Safetensors(contentsOf: folder + "/model.safetensors"))
  }

  /// The vector of a text, made on the caller's thread.
  public func embed(_ text: String) throws(ModelError) -> [Float] {
    try vectors(of: [tokenizer.tokens(of: text, limit: Self.longestText)])[0]
  }

  /// Vectors of length 1 of texts that are tokens already.
  private func vectors(of texts: [[Int32]]) throws(ModelError) -> [[Float]] {
    let width = encoder.configuration.width
    var vectors: [[Float]] = []
    vectors.reserveCapacity(texts.count)
    var areNumbers = true
    try encoder.encode(texts) { _, tokens in
      var sum = [Float](repeating: 0, count: width)
      for row in stride(from: 0, to: tokens.count, by: width) {
        for i in 0..<width { sum[i] += tokens[row + i] }
      }
      let length = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
      areNumbers = areNumbers && length > 0 && length.isFinite
      vectors.append(sum.map { $0 / length })
    }
    guard areNumbers else {
      throw .damaged(
        file: folder + "/model.safetensors", reason: "a vector that it gives has no length")
    }
    return vectors
  }
}

extension MiniLM {
  /// Vectors of texts, made on at most `threads` threads: those that `embed` gives
  /// one by one, bit for bit.
  ///
  /// - Throws: `ModelError.cancelled` where the task is cancelled before all are made.
  public func embed(
    _ texts: [String], threads: Int = ProcessInfo.processInfo.activeProcessorCount
  ) async throws(ModelError) -> [[Float]] {
    guard !Task.isCancelled else { throw .cancelled }
    let tokens = texts.map { tokenizer.tokens(of: $0, limit: Self.longestText) }
    let chunks = Self.chunks(of: tokens)
    if chunks.count == 1 { return try await computed(tokens).get() }
    let result = await withTaskGroup(of: (Int, Result<[[Float]], ModelError>).self) { group in
      var (made, next) = ([[[Float]]](repeating: [], count: chunks.count), 0)
      func addNext() {
        guard next < chunks.count, !Task.isCancelled else { return }
        let number = next
        next += 1
        group.addTask { (number, await computed(Array(tokens[chunks[number]]))) }
      }
      for _ in 0..<min(max(threads, 1), chunks.count) { addNext() }
      while let (number, vectors) = await group.next() {
        switch vectors {
        case .success(let vectors): made[number] = vectors
        case .failure(let error): return Result<[[[Float]]], ModelError>.failure(error)
        }
        addNext()
      }
      return next < chunks.count ? .failure(.cancelled) : .success(made)
    }
    return try result.get().flatMap { $0 }
  }

  private func computed(_ texts: [[Int32]]) async -> Result<[[Float]], ModelError> {
    await ComputeThreads.run { Result { () throws(ModelError) in try vectors(of: texts) } }
  }

  /// Texts that are encoded together: their activations stay near the processor.
  private static func chunks(of texts: [[Int32]]) -> [Range<Int>] {
    var chunks: [Range<Int>] = []
    var (begin, tokens) = (0, 0)
    for (number, text) in texts.enumerated() {
      if tokens > 0, tokens + text.count > tokensOfChunk {
        chunks.append(begin..<number)
        (begin, tokens) = (number, 0)
      }
      tokens += text.count
    }
    if begin < texts.count { chunks.append(begin..<texts.count) }
    return chunks
  }

  private static let tokensOfChunk = 128
}
