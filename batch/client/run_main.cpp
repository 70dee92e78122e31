#include "batch/client/run_main.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "base/documents.hpp"
#include "base/signals.hpp"
#include "batch/client/edge.hpp"
#include "batch/client/job_file.hpp"
#include "batch/client/load_job.hpp"
#include "batch/client/verbs.hpp"

namespace shipyard::batch {
namespace {

int carry_out(const Edge& edge) {
  switch (edge.request.verb) {
    case Request::Verb::kRun:
      return run_job(edge);
    case Request::Verb::kSubmit:
      return submit_job(edge);
    case Request::Verb::kRender:
      return render_job(edge);
    case Request::Verb::kStatus:
      return show_status(edge);
    case Request::Verb::kLogs:
      return show_logs(edge);
    case Request::Verb::kTerminate:
      return terminate(edge);
    case Request::Verb::kCleanup:
      return clean_up(edge);
    case Request::Verb::kPoolCreate:
      return create_pool(edge);
    case Request::Verb::kPoolStatus:
      return show_pool(edge);
    case Request::Verb::kPoolResize:
      return resize_pool(edge);
    case Request::Verb::kPoolDelete:
      return delete_pool(edge);
    case Request::Verb::kDiagnose:
      return diagnose(edge);
    case Request::Verb::kConvert:
      return convert(edge);
    case Request::Verb::kHelp:
    case Request::Verb::kVersion:
    case Request::Verb::kSchema:
      break;
  }
  return 0;
}

bool takes_job(Request::Verb verb) {
  return verb == Request::Verb::kRun || verb == Request::Verb::kSubmit || verb == Request::Verb::kRender ||
         verb == Request::Verb::kPoolCreate;
}

bool asks_batch(Request::Verb verb) {
  return verb != Request::Verb::kRender && verb != Request::Verb::kConvert;
}

/// For the man page.
std::vector<ManTerm> job_file_terms() {
  std::vector<ManTerm> terms;
  for (const auto& [path, help, default_text] : key_texts(job_file_fields()))
    terms.push_back(
        {path, default_text.empty() ? help : fmt::format("{} (default: {})", help, default_text)});
  return terms;
}

}  // namespace

int run_main(const std::vector<std::string>& arguments, const Environment& environment, std::ostream& out,
             std::ostream& err) {
  Messages messages(err, "shipyard-submit", environment);
  if (asks_for_documents(arguments))
    return print_documents("shipyard-submit", command_lines(), arguments, out, err, job_file_terms());
  auto request = parse_request(arguments, environment);
  if (!request) {
    messages.error(request.error());
    return kOwnFailure;
  }
  messages.set_verbosity(request->verbosity);
  if (request->verb == Request::Verb::kHelp) {
    out << request->help << std::flush;
    return 0;
  }
  if (request->verb == Request::Verb::kVersion) {
    out << "shipyard-submit " SHIPYARD_VERSION "\n" << std::flush;
    return 0;
  }
  if (request->verb == Request::Verb::kSchema) {
    out << (request->markdown ? markdown_table(job_file_fields())
                              : json_schema(job_file_fields(), "A job of shipyard-submit").dump(2) + "\n")
        << std::flush;
    return 0;
  }
  // Before a way to sign in is looked for, and while Ctrl-C still ends the program at once.
  std::optional<JobFile> job;
  if (takes_job(request->verb)) {
    std::vector<std::string> not_carried;
    auto loaded = load_job(*request, environment, &not_carried);
    if (!loaded) {
      messages.error(loaded.error());
      return kOwnFailure;
    }
    for (const auto& line : not_carried) messages.note(line);
    job = std::move(*loaded);
  }
  SignIn sign_in;
  if (asks_batch(request->verb)) {
    auto read = read_sign_in(request->sign_in, environment);
    if (!read) {
      messages.error(read.error());
      return kOwnFailure;
    }
    sign_in = std::move(*read);
    // Source: Azure Batch, "Use an Azure virtual network with Batch", Authentication.
    if (job && !job->pool.subnet.empty() && sign_in.method == SignIn::Method::kSharedKey)
      messages.warning(
          "pool.subnet: Batch takes no account key for a pool in a virtual network (--sign-in secret, az, "
          "identity)");
  }
  int status = 0;
  int signal = 0;
  {
    Interruption interruption;
    CurlHttp http(std::string(environment.get("SSL_CERT_FILE").value_or("")), &interruption);
    Signer signer(std::move(sign_in), http, environment);
    RetryPolicy policy;
    policy.limit = request->request_limit;
    // Who does not wait for a silent Batch does not want a request of his repeated beyond that either.
    policy.budget = std::min<std::chrono::milliseconds>(policy.budget, request->give_up);
    Service service(http, signer, messages, interruption, policy, request->api_version);
    status =
        carry_out({*request, job ? &*job : nullptr, environment, messages, interruption, service, out, err});
    signal = interruption.signal();
  }
  out << std::flush;
  if (!out && signal == 0) {
    messages.error({Error::Code::kSystem, "standard output cannot be written: part of it is lost", {}, {}});
    if (status == 0) status = kOwnFailure;
  }
  if (signal != 0) die_by_signal(signal);
  return status;
}

}  // namespace shipyard::batch
