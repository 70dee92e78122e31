#include "launcher/preempt/http_response.hpp"

#include "launcher/preempt/metadata_service.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  const auto closed = preempt::parse_http_response(text, true);
  if (fuzz::is_good(closed)) {
    fuzz::require(closed->has_value(), "nothing is waited for at the end");
    fuzz::require((*closed)->status >= 200 && (*closed)->status <= 999, "an answer has a status");
    fuzz::require((*closed)->body.size() <= preempt::kMaxBodyBytes && (*closed)->body.size() <= size,
                  "a body is no longer than what came");
  }
  const auto open = preempt::parse_http_response(text, false);
  if (fuzz::is_good(open) && open->has_value()) {
    fuzz::require(closed && **closed == **open, "what is whole stays what it is at the end");
  }
  // What has come in part is never refused where the whole is taken.
  if (closed) {
    for (std::size_t part = 0; part < std::min<std::size_t>(size, 200); part += 7) {
      fuzz::require(fuzz::is_good(preempt::parse_http_response(text.substr(0, part), false)),
                    "a part may be the whole yet");
    }
  }
  if (const auto service = preempt::parse_metadata_url(text); fuzz::is_good(service)) {
    const auto again = preempt::parse_metadata_url(preempt::to_url(*service));
    fuzz::require(again && preempt::to_url(*again) == preempt::to_url(*service),
                  "a URL is read as it was written");
  }
  return 0;
}
