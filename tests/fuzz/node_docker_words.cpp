#include "batch/local/node_docker/rewrite.hpp"
#include "batch/local/node_docker/words.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;
using namespace shipyard::local::node_docker;

namespace {

/// Of a volume without a source it is a place in the container.
bool names_a_place_of_the_node(const std::string& value) {
  return value.starts_with("/etc") && value.find(':') != std::string::npos;
}

}  // namespace

/// A word a line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Call call;
  call.arguments = fuzz::split(fuzz::text_of(data, size), '\n', 40);
  call.working_directory = "/mnt/batch/tasks/w";
  call.environment = {{"PATH", "/bin"}};
  call.files = {"/dev/fd/7"};
  call.unused_name = "0123";
  Node node;
  node.container = "n-0";
  node.prefix = "n-0-";
  node.labels = {{"node", "0"}};
  node.directory = "/here";
  node.mounts = {{"/data", "/d"}};
  node.memlock_limit = 4096;

  const auto words = parse_words(call.arguments);
  if (fuzz::is_good(words)) {
    const auto again = parse_words(words->arguments());
    fuzz::require(again && *again == *words, "words are read as they were written");
  }
  const auto engine = rewrite(call, node, [] {
    return Result<std::vector<OwnContainer>>(std::vector<OwnContainer>{{"abcd", "n-0-x"}, {"abee", "n-0-y"}});
  });
  if (!fuzz::is_good(engine)) return 0;
  fuzz::require(words.has_value(), "what is not understood is not carried out");
  // The engine reads what it is given as we do.
  const auto given = parse_words(engine->arguments);
  fuzz::require(given.has_value(), "what comes out is understood");
  if (words->has("help")) return 0;
  if (given->verb == "run" || given->verb == "create") {
    fuzz::require(given->operands == words->operands, "an image and what stands behind it is not touched");
    const auto& last = given->options.back();
    fuzz::require(last.name == "label" && last.value == "node=0", "the node's label is the last");
    for (const auto& option : given->options) {
      const std::string value = option.value.value_or("");
      if (option.name == "name") fuzz::require(value.starts_with(node.prefix), "a name is the node's");
      if (option.name == "network" || option.name == "pid" || option.name == "ipc")
        fuzz::require(value != "host" && value != "name=host", "the host is the node");
      if (option.name == "volume")
        fuzz::require(!names_a_place_of_the_node(value), "no path is this machine's own");
    }
  }
  if (given->verb == "exec" && !given->operands.empty()) {
    fuzz::require(given->operands[0].starts_with(node.prefix) || given->operands[0].starts_with("ab"),
                  "a container is the node's");
    fuzz::require(std::vector(given->operands.begin() + 1, given->operands.end()) ==
                      std::vector(words->operands.begin() + 1, words->operands.end()),
                  "a container's command is not touched");
  }
  return 0;
}
