#include "launcher/topology/discover.hpp"
#include "launcher/topology/layout.hpp"
#include "launcher/topology/signature.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto node = topology::parse_topology_xml(std::string(fuzz::text_of(data, size)), "--topology",
                                                 topology::Devices::kAll);
  if (!fuzz::is_good(node)) return 0;
  fuzz::require(!node->cores.empty(), "a node has cores");
  for (const auto& core : node->cores) {
    fuzz::require(!core.hardware_threads.empty(), "a core has hardware threads");
    fuzz::require(static_cast<std::size_t>(core.package) < node->packages.size() &&
                      static_cast<std::size_t>(core.numa) < node->numa_domains.size() &&
                      static_cast<std::size_t>(core.cache) < node->caches.size(),
                  "a core's indexes point at something");
  }
  const auto word = topology::signature(*node);
  fuzz::require(
      word.size() <= 40 && word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                  "0123456789-") == std::string::npos,
      "a signature is a word");
  topology::LayoutWish wish;
  wish.ranks_per_node = topology::RanksPerNode{topology::RanksPerNode::Mode::kCore, 0, "--ppn"};
  (void)fuzz::is_good(topology::plan_layout(wish, {*node}, {0, 0}));
  return 0;
}
