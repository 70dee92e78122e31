#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/interruption.hpp"
#include "batch/client/shared_key.hpp"

namespace shipyard::batch {

struct HttpRequest {
  std::string method;  ///< in capitals
  std::string url;     ///< with scheme, host and query, percent-encoded
  Headers headers = {};
  std::string body = {};
  std::chrono::seconds limit{60};  ///< for all of it, the answer's body included
};

struct HttpResponse {
  int status = 0;
  Headers headers = {};
  std::string body = {};

  /// The value of a header, whatever its case; empty where there is none.
  [[nodiscard]] std::string header(std::string_view name) const;
};

/// What became of a request. The difference between the middle two decides what may be sent again.
struct HttpOutcome {
  enum class Kind {
    kAnswered,     ///< a whole response, of whatever status
    kNotSent,      ///< no connection: it cannot have arrived
    kUnanswered,   ///< it may have arrived: time over, cut off, an answer that is no HTTP
    kRefused,      ///< this side will not send it, ever: certificate, URL, too large an answer
    kInterrupted,  ///< the user wants the end; it may have arrived
  };

  Kind kind = Kind::kRefused;
  HttpResponse response = {};
  std::string fault = {};  ///< in words: "the connection was refused"
};

/// The way to a server; tests have one without.
class Http {
 public:
  virtual ~Http() = default;
  virtual HttpOutcome send(const HttpRequest& request) = 0;
};

/// By libcurl: HTTP/1.1, TLS with the server's certificate and name verified, no redirects followed (they
/// would take the authorization elsewhere), proxies from the environment as curl(1) reads them, at most 64
/// MiB of an answer.
class CurlHttp : public Http {
 public:
  /// `certificates`: a file of trusted certificates in place of the system's; empty: that. A signal that
  /// reaches `interruption` ends the request at hand; nullptr: nothing but its limit does.
  CurlHttp(std::string certificates, Interruption* interruption);
  CurlHttp(const CurlHttp&) = delete;
  CurlHttp& operator=(const CurlHttp&) = delete;
  ~CurlHttp() override;

  HttpOutcome send(const HttpRequest& request) override;

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
  std::string certificates_;
  Interruption* interruption_;
};

/// Text as part of a URL's path or query: all but letters, digits and "-._~" as %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace shipyard::batch
