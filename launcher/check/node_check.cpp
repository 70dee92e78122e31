#include "launcher/check/node_check.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <future>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "base/signals.hpp"
#include "base/subprocess.hpp"
#include "launcher/check/collect_facts.hpp"
#include "launcher/check/connect_back.hpp"
#include "launcher/check/judge.hpp"
#include "launcher/remote_launcher.hpp"

namespace shipyard::launcher::check {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::string random_token() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 4; ++i) token += fmt::format("{:08x}", device());
  return token;
}

/// What mpirun starts on a node, by the path that it has here: an mpirun that was called by its path calls
/// its daemon by one (mpirun(1), --prefix). Empty where this installation has it somewhere else.
std::string daemon_of(const mpi::MpiInstallation& mpi, const Environment& environment) {
  const char* name = "orted";
  if (mpi.version.dialect == mpi::Dialect::kOpenMpi5) name = "prted";
  if (mpi.version.dialect == mpi::Dialect::kHydra) name = "hydra_pmi_proxy";
  if (mpi.version.dialect == mpi::Dialect::kIntelMpi) name = "hydra_bstrap_proxy";
  for (const auto& wish :
       {(std::filesystem::path(mpi.mpirun).parent_path() / name).string(), std::string(name)}) {
    if (auto found = find_program(wish, environment)) return *found;
  }
  return {};
}

/// One ssh under way.
struct Session {
  std::size_t node;
  Child child;
  Clock::time_point deadline;
  std::size_t sent = 0;
  std::string output = {};
  std::string errors = {};
};

/// Takes in what is there; closes the pipe at its end. What is too much for an answer is read and dropped.
void take(FileDescriptor& pipe, std::string& text) {
  char buffer[16 * 1024];
  const ssize_t got = ::read(pipe.get(), buffer, sizeof buffer);
  if (got > 0) {
    const std::size_t room = kLongestText + 1 - std::min(text.size(), kLongestText + 1);
    text.append(buffer, std::min(room, static_cast<std::size_t>(got)));
  } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
    (void)pipe.close();
  }
}

class Asking {
 public:
  using SshTo = std::function<Command(const std::string& host)>;

  Asking(NodeCheck& check, SshTo ssh_to, std::string request, milliseconds limit, const CheckControl& control,
         ConnectBackListener* listener)
      : check_(check),
        ssh_to_(std::move(ssh_to)),
        request_(std::move(request)),
        limit_(limit),
        control_(control),
        listener_(listener) {}

  /// `here`: this node's own facts, from another thread, so that its way back is served like the others'.
  void run(std::vector<std::size_t> waiting, std::future<NodeFacts>& here) {
    std::reverse(waiting.begin(), waiting.end());
    while (!check_.interrupted) {
      while (sessions_.size() < kAskedAtOnce && !waiting.empty()) {
        start(waiting.back());
        waiting.pop_back();
      }
      const bool here_is_done = !here.valid() || here.wait_for(milliseconds(0)) == std::future_status::ready;
      if (sessions_.empty() && waiting.empty() && here_is_done) return;
      wait_for_events();
    }
  }

 private:
  void start(std::size_t node) {
    auto child = Child::start(ssh_to_(check_.nodes[node].host));
    if (!child) {
      done(node, {}, {SshFailure::Kind::kOther, child.error().message});
      return;
    }
    ::fcntl(child->stdin_pipe().get(), F_SETFL, O_NONBLOCK);
    sessions_.push_back({node, std::move(*child), Clock::now() + limit_});
  }

  void wait_for_events() {
    std::vector<pollfd> polled;
    for (auto& session : sessions_) {
      polled.push_back({session.child.stdout_pipe().get(), POLLIN, 0});
      polled.push_back({session.child.stderr_pipe().get(), POLLIN, 0});
      polled.push_back({session.child.stdin_pipe().get(), POLLOUT, 0});
    }
    const std::size_t first_other = polled.size();
    for (int fd : control_.cancel_fds) polled.push_back({fd, POLLIN, 0});
    if (listener_ != nullptr) polled.push_back({listener_->fd(), POLLIN, 0});
    // This node's facts come without an event, and they are all that is left to wait for then.
    auto left = milliseconds(sessions_.empty() ? 20 : 1000);
    for (const auto& session : sessions_)
      left = std::min(left, std::chrono::ceil<milliseconds>(session.deadline - Clock::now()));
    ::poll(polled.data(), polled.size(), static_cast<int>(std::max(left, milliseconds(0)).count()));

    if (listener_ != nullptr && polled.back().revents != 0) listener_->handle();
    for (std::size_t i = 0; i < control_.cancel_fds.size(); ++i) {
      if (polled[first_other + i].revents != 0 && control_.cancelled && control_.cancelled())
        check_.interrupted = true;
    }
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
      Session& session = sessions_[i];
      if (polled[3 * i].revents != 0) take(session.child.stdout_pipe(), session.output);
      if (polled[3 * i + 1].revents != 0) take(session.child.stderr_pipe(), session.errors);
      if (polled[3 * i + 2].revents != 0) send_request(session);
    }
    std::erase_if(sessions_, [this](Session& session) { return is_over(session); });
  }

  void send_request(Session& session) {
    const ssize_t sent = ::write(session.child.stdin_pipe().get(), request_.data() + session.sent,
                                 request_.size() - session.sent);
    if (sent > 0) session.sent += static_cast<std::size_t>(sent);
    if (session.sent == request_.size() || (sent < 0 && errno != EAGAIN && errno != EINTR))
      (void)session.child.stdin_pipe().close();
  }

  bool is_over(Session& session) {
    const bool late = Clock::now() >= session.deadline;
    const bool closed = !session.child.stdout_pipe() && !session.child.stderr_pipe();
    if (closed) {
      if (auto exit = session.child.wait_for(late ? milliseconds(0) : milliseconds(100))) {
        finish(session, *exit);
        return true;
      }
    }
    if (!late) return false;
    // Its destructor ends it.
    done(session.node, {},
         {SshFailure::Kind::kNoAnswer,
          fmt::format("no answer within {:g} s", std::chrono::duration<double>(limit_).count())});
    return true;
  }

  void finish(const Session& session, const Exit& exit) {
    if (!exit.success()) {
      done(session.node, {}, ssh_failure(exit, session.errors));
      return;
    }
    auto facts = parse_facts(session.output);
    facts ? done(session.node, std::move(*facts), {})
          : done(session.node, {}, {SshFailure::Kind::kOther, facts.error().message});
  }

  void done(std::size_t node, std::optional<NodeFacts> facts, SshFailure failure) {
    check_.nodes[node].facts = std::move(facts);
    check_.nodes[node].failure = std::move(failure);
    if (control_.progress) control_.progress(++done_);
  }

  NodeCheck& check_;
  SshTo ssh_to_;
  std::string request_;
  milliseconds limit_;
  const CheckControl& control_;
  ConnectBackListener* listener_;
  std::vector<Session> sessions_;
  std::size_t done_ = 0;
};

FactsRequest request_for(const LaunchContext& context, const LaunchOptions& options, milliseconds limit) {
  FactsRequest request;
  request.mpirun = context.mpi.mpirun;
  request.daemon = daemon_of(context.mpi, context.environment);
  if (!options.mpi_env.empty()) {
    request.mpi_env = (std::filesystem::path(context.environment.working_directory) / options.mpi_env)
                          .lexically_normal()
                          .string();
  }
  request.program = options.check ? context.checked_program : context.program;
  request.working_directory = context.working_directory;
  request.rank_program = context.rank_program;
  request.limit_seconds = static_cast<int>(std::chrono::ceil<std::chrono::seconds>(limit).count());
  return request;
}

}  // namespace

NodeCheck check_nodes(const LaunchContext& context, const LaunchPlan& plan, const LaunchOptions& options,
                      const std::string& ssh_config, milliseconds limit, const CheckControl& control) {
  NodeCheck check;
  check.shipyard = SHIPYARD_VERSION;
  check.mpi = context.mpi.version;
  check.limit_seconds = std::chrono::duration<double>(limit).count();
  check.judge_shared_memory =
      !chose_transport(mpi::user_settings(context.environment, options.mpi_arguments));
  std::set<std::string> remote;
  for (std::size_t index : plan.remote_hosts) remote.insert(context.hosts.hosts[index].name);
  std::vector<std::size_t> to_ask;
  std::optional<std::size_t> own;
  for (const auto& node : plan.nodes) {
    CheckedNode& one = check.nodes.emplace_back(
        CheckedNode{.host = node.host, .ranks = node.ranks, .failure = {SshFailure::Kind::kNotAsked, {}}});
    if (!remote.contains(node.host)) {
      one.is_this = true;
      own = check.nodes.size() - 1;
    } else if (auto silent = control.silent.find(node.host); silent != control.silent.end()) {
      one.failure = {SshFailure::Kind::kUnreachable, silent->second};
    } else {
      to_ask.push_back(check.nodes.size() - 1);
    }
  }

  FactsRequest request = request_for(context, options, limit);
  request.token = random_token();
  const IpAddress address = plan.report_address.value_or(*parse_address("127.0.0.1"));
  auto listener = ConnectBackListener::listen(address, request.token);
  if (listener) {
    request.report_address = to_string(address);
    request.report_port = listener->port();
  }
  ignore_broken_pipes();
  std::future<NodeFacts> here;
  if (own) {
    // mpirun has been asked already, and --mpi-env was sourced.
    MpiFacts mpi{context.mpi.mpirun, to_string(context.mpi.version), request.daemon, {}};
    here = std::async(std::launch::async, [request, mpi] { return collect_facts(request, mpi); });
  }
  const auto ssh_to = [&](const std::string& host) {
    return remote_launcher(context.environment, ssh_config, host, "--node-facts");
  };
  Asking asking(check, ssh_to, format_request(request), limit, control, listener ? &*listener : nullptr);
  asking.run(std::move(to_ask), here);
  if (own) {
    check.nodes[*own].facts = here.get();
    check.nodes[*own].failure = {};
  }
  request.token.clear();
  check.asked = std::move(request);
  return check;
}

nlohmann::ordered_json check_as_json(const NodeCheck& check) {
  using Json = nlohmann::ordered_json;
  Json nodes = Json::array();
  for (const auto& node : check.nodes) {
    Json json = {{"host", node.host}, {"ranks", node.ranks}, {"facts", nullptr}, {"failure", nullptr}};
    if (node.facts) {
      json["facts"] = facts_as_json(*node.facts);
    } else {
      json["failure"] = {{"kind", name_of(node.failure.kind)}, {"words", node.failure.words}};
    }
    nodes.push_back(std::move(json));
  }
  Json findings = Json::array();
  for (const auto& finding : judge(check)) {
    Json hosts = Json::array();
    for (std::size_t node : finding.nodes) hosts.push_back(check.nodes[node].host);
    findings.push_back({{"severity", finding.severity == Severity::kError ? "error" : "difference"},
                        {"hosts", std::move(hosts)},
                        {"what", finding.what},
                        {"hint", finding.hint},
                        {"status", finding.status}});
  }
  return {{"nodes", std::move(nodes)}, {"findings", std::move(findings)}, {"interrupted", check.interrupted}};
}

}  // namespace shipyard::launcher::check
