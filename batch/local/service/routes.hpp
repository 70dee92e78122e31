#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_descriptor.hpp"
#include "base/secret.hpp"
#include "batch/client/shared_key.hpp"
#include "batch/local/service/account.hpp"

namespace shipyard::local {

/// A request as it came over the wire.
struct HttpRequest {
  std::string method;
  std::string path;   ///< percent-encoded, as sent: a signature covers this form
  std::string query;  ///< as sent, without the question mark
  batch::Headers headers;
  std::string body;
  std::string base;  ///< http://HOST:PORT, as the client calls this service

  /// Of the first header of that name, in whatever case; nothing where there is none.
  [[nodiscard]] std::optional<std::string> header(std::string_view name) const;
};

/// What of a file is an answer's body.
struct FilePart {
  std::shared_ptr<FileDescriptor> fd;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct HttpResponse {
  int status = 200;
  batch::Headers headers;
  std::string body;
  std::optional<FilePart> file;  ///< in place of `body`
};

/// Who may use the service.
struct Credentials {
  std::string account;
  Secret key;  ///< base64
};

/// The REST service of Azure Batch in front of an account: which operation a request asks for, whether it
/// may, and whether it is well-formed; never an exception, always an answer of Batch's form. Operations,
/// query parameters and statuses are those of the published definitions (BatchService.json 2024-02-01.19.0);
/// what Azure has and this service has not is answered 501 NotImplemented. Without state of its own; any
/// thread.
class Routes {
 public:
  /// `account` outlives this.
  Routes(Account& account, Credentials credentials, Account::Clock clock = std::chrono::system_clock::now);

  [[nodiscard]] HttpResponse answer(const HttpRequest& request) const;

 private:
  Account& account_;
  Credentials credentials_;
  Account::Clock clock_;
};

}  // namespace shipyard::local
