#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "launcher/stage/protocol.hpp"
#include "launcher/stage/tree.hpp"

namespace shipyard::launcher::stage {

/// What --stage DIR:TARGET does about a node.
enum class NodeStage {
  kShared,   ///< its TARGET is DIR itself, on a file system that both see
  kPresent,  ///< all of its files are there, by names, sizes and times
  kReceives,
  kBeside,  ///< another node, which receives them, has the same file system there
};

struct StagedNode {
  std::string node;
  NodeStage what = NodeStage::kReceives;

  bool operator==(const StagedNode&) const = default;
};

/// `answers`: of each node in `nodes` to kLook at TARGET. Fails where a node has no room, or
/// TARGET lies in DIR or around it, names all of those.
/// Pure.
Result<std::vector<StagedNode>> decide_stage(const std::vector<std::string>& nodes,
                                             const std::vector<Answer>& answers, const Listing& source,
                                             const Place& source_place, const std::string& target);

/// The remedy where there is no room.
inline constexpr const char* kLargerDisk =
    "--stage DIR:TARGET with a TARGET on a larger disk; on Azure Batch $AZ_BATCH_NODE_SHARED_DIR is on the "
    "VM's";

/// "1.5 GB": powers of ten.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// What was done, for the user: "case (1,234 files, 1.5 GB): brought to 7 nodes".
[[nodiscard]] std::string stage_text(const std::string& directory, const Listing& source,
                                     const std::vector<StagedNode>& nodes);

}  // namespace shipyard::launcher::stage
