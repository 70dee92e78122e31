#include "hostfile/host_source.hpp"

#include "base/file.hpp"

namespace shipyard::hostfile {

Result<std::optional<HostList>> hosts_from_environment(const Environment& environment) {
  struct Source {
    const char* variable;
    Result<HostList> (*parse)(std::string_view, std::string_view);
  };
  for (const auto& source :
       {Source{"AZ_BATCH_HOST_LIST", &parse_batch_host_list},
        Source{"AZ_BATCH_NODE_LIST", &parse_batch_node_list}, Source{"CCP_NODES", &parse_ccp_nodes}}) {
    auto text = environment.get(source.variable);
    if (!text) continue;
    auto hosts = source.parse(*text, source.variable);
    if (!hosts) return hosts.error();
    return std::optional<HostList>(*std::move(hosts));
  }
  return std::optional<HostList>();
}

Result<HostList> read_hostfile(const std::string& path) {
  const bool standard_input = path == "-";
  auto text = read_file(standard_input ? "/dev/stdin" : path);
  if (!text) return text.error();
  return parse_hostfile(*text, standard_input ? "standard input" : path);
}

}  // namespace shipyard::hostfile
