#pragma once

#include <sstream>

#include "batch/client/service.hpp"
#include "client_fake_http.hpp"

namespace shipyard::batch::testing {

/// A service whose server answers by a script, and that does not wait long between two tries.
struct FakeBatch {
  explicit FakeBatch(std::deque<HttpOutcome> script, SignIn sign_in = with_key(),
                     RetryPolicy policy = {std::chrono::milliseconds(0), std::chrono::milliseconds(0), 2,
                                           std::chrono::milliseconds(60'000)})
      : http(std::move(script)),
        signer(std::move(sign_in), http, environment),
        messages(told, "t", environment, Verbosity::kDecisions),
        service(http, signer, messages, interruption, policy, "1") {}

  static SignIn with_key() {
    SignIn sign_in;
    sign_in.account = "account";
    sign_in.endpoint = "https://a.example";
    sign_in.key = Secret("aHVzaA==");
    return sign_in;
  }
  static SignIn with_client_secret() {
    SignIn sign_in = with_key();
    sign_in.method = SignIn::Method::kClientSecret;
    sign_in.tenant = "tenant";
    sign_in.client = "client";
    sign_in.authority = "https://login.example";
    sign_in.key = Secret("hush&secret");
    return sign_in;
  }

  Environment environment;
  ScriptedHttp http;
  Signer signer;
  std::ostringstream told;
  Messages messages;
  Interruption interruption;
  Service service;
};

}  // namespace shipyard::batch::testing
