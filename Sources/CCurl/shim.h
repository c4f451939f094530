// libcurl, with the calls that Swift cannot make because they are variadic.
#pragma once
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>

static inline CURLcode engram_curl_set_long(CURL *_Nonnull handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode engram_curl_set_size(
  CURL *_Nonnull handle, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(handle, option, value);
}

/// For strings, lists and whatever a callback is given. curl copies strings, the rest must outlive
/// the transfer.
static inline CURLcode engram_curl_set_pointer(
  CURL *_Nonnull handle, CURLoption option, const void *_Nullable value) {
  return curl_easy_setopt(handle, option, value);
}

typedef size_t (*engram_curl_receiver)(
  char *_Nullable bytes, size_t size, size_t count, void *_Nullable receiver);

/// For CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION.
static inline CURLcode engram_curl_set_receiver(
  CURL *_Nonnull handle, CURLoption option, engram_curl_receiver _Nonnull receiver) {
  return curl_easy_setopt(handle, option, receiver);
}

/// Neither a request nor a redirect may leave HTTP.
static inline CURLcode engram_curl_allow_http_only(CURL *_Nonnull handle) {
#if LIBCURL_VERSION_NUM >= 0x075500
  return curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  return curl_easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static inline CURLMcode engram_curl_multi_set_long(
  CURLM *_Nonnull multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}

/// 0 where curl cannot tell.
static inline long engram_curl_long(CURL *_Nonnull handle, CURLINFO info) {
  long value = 0;
  return curl_easy_getinfo(handle, info, &value) == CURLE_OK ? value : 0;
}

/// 0 where curl cannot tell.
static inline double engram_curl_double(CURL *_Nonnull handle, CURLINFO info) {
  double value = 0;
  return curl_easy_getinfo(handle, info, &value) == CURLE_OK ? value : 0;
}

/// A write to a connection that the other side has closed is an error on this thread and not the end
/// of the process: TLS libraries write without MSG_NOSIGNAL.
static inline int engram_curl_block_sigpipe(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  return pthread_sigmask(SIG_BLOCK, &signals, NULL);
}
