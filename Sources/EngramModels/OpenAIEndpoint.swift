import Foundation

/// Where an OpenAI-compatible service answers, and how it is asked: OpenAI, Azure, Ollama, vLLM,
/// LM Studio, llama.cpp and their like.
///
/// ```swift
/// let openAI = try OpenAIEndpoint(apiKey: APIKey(key))
/// let ollama = try OpenAIEndpoint(baseURL: "http://localhost:11434")
/// let azure = try OpenAIEndpoint.azure("https://name.openai.azure.com", apiKey: APIKey(key),
///                                      apiVersion: "2024-10-21")
/// ```
public struct OpenAIEndpoint: Sendable, Hashable {
  /// OpenAI's own.
  public static let defaultBaseURL = "https://api.openai.com/v1"

  /// What the paths of the API are appended to; without a slash at its end.
  public let baseURL: String
  /// nil for services that ask for none.
  public var apiKey: APIKey?
  /// The header that carries the key; nil for `Authorization: Bearer`.
  public var apiKeyHeader: String?
  /// The model is named in the path, as a deployment, and not in the body alone.
  public var usesDeployments = false
  /// Whom OpenAI bills.
  public var organisation: String?
  public var project: String?
  /// Sent with each call, for gateways and the like.
  public var headers: [String: String] = [:]
  /// Appended to each address.
  public var query: [String: String] = [:]
  /// For a connection alone, its name and its TLS handshake included.
  public var connectTimeout: Duration = .seconds(10)
  /// For one call as a whole; each retry has as long again.
  public var timeout: Duration = .seconds(60)
  public var retries = RetryPolicy()
  /// A longer reply is an error.
  public var replyBytesMax = 64 << 20
  /// The authorities to trust instead of the system's, in a file of PEM certificates. Certificates are
  /// always verified.
  public var certificateFile: String?

  /// - Parameter baseURL: with or without slashes at its end. Where it names a host alone, `/v1` is
  ///   appended; another path is left as it is. A query in it goes to ``query``.
  public init(
    baseURL: String = OpenAIEndpoint.defaultBaseURL, apiKey: APIKey? = nil
  ) throws(ModelError) {
    var parts = try Self.parts(of: baseURL)
    for item in parts.queryItems ?? [] { query[item.name] = item.value ?? "" }
    parts.query = nil
    if parts.percentEncodedPath.isEmpty { parts.path = "/v1" }
    guard let url = parts.string else { throw .invalid(field: "baseURL", reason: "is not a URL") }
    self.baseURL = url
    self.apiKey = apiKey
  }

  /// Azure with its deployments: the model's name is that of the deployment, the key goes into the
  /// header `api-key`. (Azure's newer address, which ends in `/openai/v1`, is an ordinary base URL.)
  ///
  /// - Parameter resource: `https://NAME.openai.azure.com`.
  public static func azure(
    _ resource: String, apiKey: APIKey, apiVersion: String
  ) throws(ModelError) -> OpenAIEndpoint {
    var parts = try parts(of: resource)
    if parts.percentEncodedPath.isEmpty { parts.path = "/openai" }
    var endpoint = try OpenAIEndpoint(baseURL: parts.string ?? resource, apiKey: apiKey)
    endpoint.apiKeyHeader = "api-key"
    endpoint.usesDeployments = true
    endpoint.query["api-version"] = apiVersion
    return endpoint
  }

  /// Reads what OpenAI's and Azure's own libraries read: `OPENAI_BASE_URL`, `OPENAI_API_KEY`,
  /// `OPENAI_ORG_ID`, `OPENAI_PROJECT_ID`; where the first is not set, `AZURE_OPENAI_ENDPOINT`,
  /// `AZURE_OPENAI_API_KEY`, `OPENAI_API_VERSION`; and `SSL_CERT_FILE`. An empty variable counts as
  /// not set. Without a base URL it is OpenAI, which needs a key.
  public init(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(ModelError) {
    let settings = environment.filter { !$0.value.isEmpty }
    if settings["OPENAI_BASE_URL"] == nil, let resource = settings["AZURE_OPENAI_ENDPOINT"] {
      guard let key = settings["AZURE_OPENAI_API_KEY"] else {
        throw .invalid(field: "AZURE_OPENAI_API_KEY", reason: "set it to the key of the resource")
      }
      guard let version = settings["OPENAI_API_VERSION"] else {
        throw .invalid(field: "OPENAI_API_VERSION", reason: "set it to a version such as 2024-10-21")
      }
      self = try .azure(resource, apiKey: APIKey(key), apiVersion: version)
    } else {
      let baseURL = settings["OPENAI_BASE_URL"]
      guard baseURL != nil || settings["OPENAI_API_KEY"] != nil else {
        throw .invalid(
          field: "OPENAI_API_KEY",
          reason: "set it, or set OPENAI_BASE_URL to a service that needs no key")
      }
      try self.init(
        baseURL: baseURL ?? Self.defaultBaseURL, apiKey: settings["OPENAI_API_KEY"].map(APIKey.init))
    }
    organisation = settings["OPENAI_ORG_ID"]
    project = settings["OPENAI_PROJECT_ID"]
    certificateFile = settings["SSL_CERT_FILE"]
  }

  /// The parts of a base URL, without slashes at the path's end. What is refused is not repeated, for
  /// it may hold a password.
  private static func parts(of baseURL: String) throws(ModelError) -> URLComponents {
    let text = baseURL.trimmingCharacters(in: .whitespacesAndNewlines)
    guard var parts = URLComponents(string: text), let host = parts.host, !host.isEmpty,
      let scheme = parts.scheme?.lowercased(), ["http", "https"].contains(scheme)
    else {
      throw .invalid(field: "baseURL", reason: "give a URL such as http://localhost:11434/v1")
    }
    guard parts.user == nil, parts.password == nil else {
      throw .invalid(field: "baseURL", reason: "give credentials as the API key or in a header")
    }
    parts.fragment = nil
    while parts.percentEncodedPath.hasSuffix("/") { parts.percentEncodedPath.removeLast() }
    return parts
  }
}

/// Keys hide in headers and queries, too: only their names are shown.
extension OpenAIEndpoint: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { baseURL }
  public var debugDescription: String { baseURL }
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "baseURL": baseURL, "apiKey": apiKey as Any, "headers": headers.keys.sorted(),
        "query": query.keys.sorted(), "timeout": timeout, "retries": retries,
      ])
  }
}

// MARK: - Calls

extension OpenAIEndpoint {
  /// The POST that calls this path of the API.
  func post(_ path: String, model: String, body: [UInt8]) throws(ModelError) -> HTTPPost {
    HTTPPost(
      url: try url(path, model: model), headers: allHeaders, body: body,
      connectTimeout: connectTimeout, timeout: timeout, replyBytesMax: replyBytesMax,
      certificateFile: certificateFile)
  }

  private func url(_ path: String, model: String) throws(ModelError) -> String {
    guard var parts = URLComponents(string: baseURL) else {
      throw .invalid(field: "baseURL", reason: "is not a URL")
    }
    if usesDeployments { parts.path += "/deployments/" + model }
    parts.path += path
    if !query.isEmpty {
      parts.queryItems = query.sorted { $0.key < $1.key }.map(URLQueryItem.init)
    }
    guard let url = parts.string else {
      throw .invalid(field: "query", reason: "cannot be written into a URL")
    }
    return url
  }

  private var allHeaders: [(name: String, value: String)] {
    var all = headers.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    if let apiKey, !apiKey.secret.isEmpty {
      if let apiKeyHeader {
        all.append((apiKeyHeader, apiKey.secret))
      } else {
        all.append(("Authorization", "Bearer " + apiKey.secret))
      }
    }
    if let organisation { all.append(("OpenAI-Organization", organisation)) }
    if let project { all.append(("OpenAI-Project", project)) }
    return all
  }

  /// What an error says, for people and logs: bounded, and without the secrets that calls carry, which
  /// services and gateways repeat.
  func scrubbed(_ text: String) -> String {
    // Scrubbed before the cut, which could halve a key.
    let scrubbed = withoutSecrets(String(text.prefix(Self.errorLengthRead)))
    return scrubbed.count > Self.errorLength ? scrubbed.prefix(Self.errorLength) + "..." : scrubbed
  }

  private static let errorLength = 500
  private static let errorLengthRead = 64 << 10

  private func withoutSecrets(_ text: String) -> String {
    // A short setting such as "true" is no secret, and neither is Azure's version.
    let settings = Array(headers.values) + query.filter { $0.key != "api-version" }.map(\.value)
    var secrets = settings.filter { $0.utf8.count >= 8 }
    if let key = apiKey?.secret, !key.isEmpty { secrets.append(key) }
    // The longest first, for one may hold another.
    return secrets.sorted { $0.utf8.count > $1.utf8.count }
      .reduce(text) { $0.scrubbed(of: $1) }
  }
}
