#include "batch/local/make_pool.hpp"

#include <fmt/format.h>

#include <chrono>
#include <ostream>
#include <utility>

#include "batch/local/engine.hpp"
#include "batch/local/machine.hpp"

namespace shipyard::local {
namespace {

/// One line on the terminal that says how far the start is; gone at its end. Nothing where stderr is a file.
class Progress {
 public:
  Progress(std::ostream& stream, const Edge& edge, std::string text)
      : stream_(stream),
        shown_(edge.environment.stderr_is_terminal &&
               edge.environment.get("TERM") != std::string_view("dumb") &&
               edge.messages.verbosity() == Verbosity::kNormal),
        text_(std::move(text)) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (shown_) stream_ << "\r\033[K" << std::flush;
  }

  void show(std::size_t done, std::size_t all) {
    if (!shown_) return;
    stream_ << fmt::format("\r\033[Kshipyard-local: {} ({} of {})", text_, done, all) << std::flush;
  }

 private:
  std::ostream& stream_;
  bool shown_;
  std::string text_;
};

std::string parent_directory(const Environment& environment) {
  const std::string path = environment.has("TMPDIR") ? std::string(*environment.get("TMPDIR")) : "/tmp";
  // The engine mounts absolute paths only.
  return path.starts_with('/') ? path : environment.working_directory + "/" + path;
}

/// Gets the images that are not here; those of this project are built, not pulled: whoever owns these names
/// in a public registry is not us.
Status get_images(const EngineState& state, const PoolOptions& pool, const Edge& edge) {
  const std::string images[] = {pool.image, pool.node_image};
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& image = images[i];
    if (state.images_here.at(i) || edge.interruption.signal() != 0) continue;
    if (image.starts_with("shipyard/")) {
      return Error{Error::Code::kNotFound,
                   fmt::format("image '{}' is not on this machine", image),
                   fmt::format("./scripts/build-images{} builds it",
                               image.starts_with("shipyard/node") ? " --target node" : ""),
                   {}};
    }
    edge.messages.note(fmt::format("image '{}' is not on this machine: pulling it", image));
    Job pull{{state.engine, "pull", "--quiet", image}, {}, std::chrono::hours(2), true};
    const auto outcome = run_jobs({pull}, edge.environment, edge.interruption)[0];
    if (outcome.success() || edge.interruption.signal() != 0) continue;
    return Error{Error::Code::kNotFound,
                 fmt::format("image '{}' is not on this machine and cannot be pulled:\n  {}", image,
                             clean_engine_message(outcome.completed.errors)),
                 fmt::format("see what is here: {} images", state.engine),
                 {}};
  }
  return Ok{};
}

std::vector<UsedSubnet> used_subnets(const EngineState& state) {
  auto used = host_routes();
  used.insert(used.end(), state.networks.begin(), state.networks.end());
  return used;
}

Result<PoolPlan> plan_first(const Request& request, const PoolOptions& options, const EngineState& state,
                            const Edge& edge) {
  auto place = choose_place(request, state.engine, state.pools, used_subnets(state), edge);
  if (!place) return place.error();
  return plan_pool(options, *place);
}

/// The plan of a pool whose network exists: of two that start at once, only one gets the subnet both have
/// chosen.
Result<PoolPlan> claim_network(const Request& request, const PoolOptions& options, const EngineState& state,
                               const Edge& edge) {
  constexpr int kAttempts = 16;
  auto used = used_subnets(state);
  for (int attempt = 0; attempt < kAttempts && edge.interruption.signal() == 0; ++attempt) {
    auto place = choose_place(request, state.engine, state.pools, used, edge);
    if (!place) return place.error();
    auto plan = plan_pool(options, *place);
    if (!plan) return plan.error();
    if (attempt == 0 && place->cpus.shared) edge.messages.note(place->cpus.note);
    bool taken = false;
    if (auto made = create_network(*plan, edge, taken); !made) return made.error();
    if (!taken) return plan;
    used.push_back({place->subnet, fmt::format("a network of {}", state.engine)});
  }
  return Error{
      Error::Code::kSystem, "every subnet tried was taken at the same moment", "give one with --subnet", {}};
}

}  // namespace

Result<PoolPlace> choose_place(const Request& request, const std::string& engine,
                               const std::vector<PoolRecord>& pools, const std::vector<UsedSubnet>& used,
                               const Edge& edge) {
  PoolPlace place;
  place.engine = engine;
  place.parent_directory = parent_directory(edge.environment);
  place.owner = own_identity();
  Cpus taken;
  for (const auto& pool : pools) {
    if (pool.running()) taken.insert(taken.end(), pool.cpus.begin(), pool.cpus.end());
  }
  auto cpus = deal_cpus(request.pool.nodes, request.cpus_per_node, usable_cores(), taken);
  if (!cpus) return cpus.error();
  place.cpus = std::move(*cpus);
  if (request.subnet) {
    auto good = check_subnet(*request.subnet, request.pool.nodes, used, "--subnet");
    if (!good) return good.error();
    place.subnet = *request.subnet;
  } else {
    auto subnet = choose_subnet(request.pool.nodes, used);
    if (!subnet) return subnet.error();
    place.subnet = *subnet;
  }
  return place;
}

Result<std::optional<PoolPlan>> make_pool(const Request& request, const PoolOptions& options,
                                          const Edge& edge, std::ostream& terminal) {
  auto interrupted = [&] { return edge.interruption.signal() != 0; };
  using None = std::optional<PoolPlan>;
  auto state =
      ask_engine(request.engine, {options.image, options.node_image}, edge.environment, edge.interruption);
  if (interrupted()) return None{};
  if (!state) return state.error();
  for (const auto& pool : state->pools) {
    if (pool.name == options.name) {
      return input_error(fmt::format("there is a pool '{}' already", pool.name),
                         fmt::format("shipyard-local down --name {}, or choose another --name", pool.name));
    }
  }
  remove_leftovers(*state, edge);
  // What is wrong with the request is said before a pull that may take minutes.
  if (auto plan = plan_first(request, options, *state, edge); !plan) return plan.error();
  if (auto got = get_images(*state, options, edge); !got) return got.error();
  if (interrupted()) return None{};
  auto plan = claim_network(request, options, *state, edge);
  if (!plan && !interrupted()) return plan.error();
  Status started = Ok{};
  if (plan && !interrupted()) {
    Progress progress(terminal, edge,
                      fmt::format("starting {} node{}", options.nodes, options.nodes == 1 ? "" : "s"));
    progress.show(0, plan->start.size());
    started = start_pool(*plan, edge, [&](std::size_t done) { progress.show(done, plan->start.size()); });
  }
  if (plan && started && !interrupted()) return std::optional<PoolPlan>(std::move(*plan));

  // Without a plan the interruption came while the network was made: its name is known, so it is found.
  PoolRecord record;
  record.name = options.name;
  auto removed = remove_pool(state->engine, plan ? plan->record : record, edge);
  if (!removed) edge.messages.warning(removed.error().message);
  if (!started) return started.error();
  return None{};
}

}  // namespace shipyard::local
