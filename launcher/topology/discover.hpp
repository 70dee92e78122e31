#pragma once

#include <string>

#include "base/result.hpp"
#include "launcher/topology/node_topology.hpp"

namespace shipyard::topology {

/// I/O objects cost milliseconds: they are asked for where they are needed only.
enum class Devices { kNone, kAll };

/// This machine, as this process may use it: hwloc's allowed CPUs, the affinity mask, the cgroup's limits.
///
/// hwloc has no call that keeps it from looking at another machine where HWLOC_XMLFILE, HWLOC_SYNTHETIC,
/// HWLOC_FSROOT … say so (blacklisting its components does not: measured with 2.9). So the first call of any
/// function here removes the HWLOC_* variables from this process's environment for good: call it once before
/// other threads use the environment.
Result<NodeTopology> discover(Devices devices);

/// Another machine: the path of an XML file written by lstopo or hwloc (version 2 of the format), or a
/// synthetic description, "package:2 numa:2 l3:4 core:6 pu:1" (hwloc's "Synthetic topologies"). No limits of
/// this process apply. What is no file, and has a name and a number with ':' in between, is a description.
/// `origin` ("--topology") names the input in errors.
Result<NodeTopology> load_topology(const std::string& file_or_description, const std::string& origin,
                                   Devices devices);

/// The same from XML text, as it was fetched from another node.
Result<NodeTopology> parse_topology_xml(const std::string& xml, const std::string& origin, Devices devices);

/// This machine for another node: parse_topology_xml makes of it what discover() makes here, limits and
/// affinity mask included.
Result<std::string> topology_xml();

}  // namespace shipyard::topology
