# Sourced by the scripts beside it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The system libraries that Engram links: SQLite, BLAS with LAPACK (OpenBLAS where it is to be had),
# and libcurl. Installed with apt where that may be; otherwise says what to install.
need_system_libraries() {
  [ "$(uname -s)" = Linux ] || return 0
  local missing=()
  has_header sqlite3.h || missing+=(libsqlite3-dev)
  has_header cblas.h || missing+=(libopenblas-dev)
  has_library liblapack.so || missing+=(liblapack-dev)
  has_header curl/curl.h || missing+=(libcurl4-openssl-dev)
  [ ${#missing[@]} -gt 0 ] || return 0
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "installing ${missing[*]}" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >&2
  else
    echo "Please install these packages (or your system's equivalents), then run this again:" >&2
    echo "  sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
}

has_header() {
  compgen -G "/usr/include/$1" >/dev/null || compgen -G "/usr/include/*/$1" >/dev/null ||
    compgen -G "/usr/local/include/$1" >/dev/null
}

has_library() {
  compgen -G "/usr/lib/$1" >/dev/null || compgen -G "/usr/lib/*/$1" >/dev/null ||
    compgen -G "/usr/lib64/$1" >/dev/null || compgen -G "/usr/local/lib/$1" >/dev/null
}

need_swift() {
  command -v swift >/dev/null || {
    echo "Swift 6.2 or later is needed; see swift.org/install." >&2
    exit 1
  }
}
