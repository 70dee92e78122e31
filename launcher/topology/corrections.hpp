#pragma once

#include "launcher/topology/node_topology.hpp"

namespace shipyard::topology {

/// Puts right what virtual machines are known to tell wrongly, and notes it in `corrections`. By CPU model
/// and shape, never by the name of a VM size; a machine that has another shape is left as it is. The cores of
/// a NUMA domain and a cache must stand together.
///
/// AMD EPYC 9V33X (HBv4, HX): the guest of 44 cores per NUMA domain reports L3 caches of 8, 8, 8, 8, 8 and 4
/// cores; on the chips they are 8, 8, 8, 8, 6 and 6.
void apply_corrections(NodeTopology& node);

}  // namespace shipyard::topology
