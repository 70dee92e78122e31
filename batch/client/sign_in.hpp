#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/environment.hpp"
#include "batch/client/http.hpp"

namespace shipyard::batch {

/// The variables that hold secrets: taken out of the environment at the start (Environment::capture).
[[nodiscard]] const std::vector<std::string>& secret_variables();

/// Which account, and how its owner proves who he is. Names and variables are those of `az batch` and of
/// Azure's own clients.
struct SignIn {
  enum class Method {
    kSharedKey,        ///< AZURE_BATCH_ACCESS_KEY, or the file AZURE_BATCH_ACCESS_KEY_FILE
    kClientSecret,     ///< AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET (or …_SECRET_FILE)
    kManagedIdentity,  ///< of the VM; AZURE_CLIENT_ID says which, where there are several
    kAzureCli,         ///< `az account get-access-token`
  };

  Method method = Method::kSharedKey;
  std::string account;  ///< AZURE_BATCH_ACCOUNT; SharedKey needs it
  std::string
      endpoint;  ///< AZURE_BATCH_ENDPOINT: https://ACCOUNT.REGION.batch.azure.com, without / at its end
  Secret key;    ///< the account's key, or the client's secret
  std::string tenant;
  std::string client;
  std::string authority = "https://login.microsoftonline.com";  ///< AZURE_AUTHORITY_HOST
  std::string metadata = "http://169.254.169.254";              ///< SHIPYARD_METADATA_URL
};

/// From the environment. `method`: "auto" (the first of the above whose variables are set; `az` where it is
/// on PATH), "key", "secret", "identity", "az". Fails where the endpoint is missing or not https (but for
/// this machine itself, where nobody listens in), where the key's file can be read by others, where nothing
/// is set.
Result<SignIn> read_sign_in(const std::string& method, const Environment& environment);

/// A file with a secret: the first line of it. Fails where others than its owner can read it.
Result<Secret> read_secret_file(const std::string& path);

/// Signs requests: with the key, or with a token that is fetched when it is first needed and again five
/// minutes before it is over.
class Signer {
 public:
  Signer(SignIn sign_in, Http& http, const Environment& environment)
      : sign_in_(std::move(sign_in)), http_(http), environment_(environment) {}

  /// The value of Authorization.
  Result<std::string> authorize(const RequestLine& request, const Headers& headers);
  /// The token at hand has been refused: the next request fetches another.
  void forget_token() { token_ = Secret(); }
  [[nodiscard]] const SignIn& sign_in() const { return sign_in_; }

 private:
  Status fetch_token();
  Status take_token(const std::string& answer, const std::string& whose);
  Status ask_for_token(const HttpRequest& request, const std::string& whose);

  SignIn sign_in_;
  Http& http_;
  const Environment& environment_;
  Secret token_;
  std::chrono::system_clock::time_point token_ends_;
};

}  // namespace shipyard::batch
