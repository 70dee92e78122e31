#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "launcher/mpi/mpirun_command.hpp"

namespace shipyard::mpi {

inline std::string_view without_dashes(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  return word;
}

/// Refuses the options of either Hydra that would keep our variables from the ranks.
[[nodiscard]] Status check_variable_lists(const UserSettings& user);

/// Collects the words of the command, leaving out what the user has already said.
class Composer {
 public:
  /// Keeps a reference to `user`.
  Composer(const MpirunRequest& request, const UserSettings& user) : user_(user) {
    words_.push_back(request.mpirun);
  }

  /// A plain option. `same_as`: parameters that say the same thing.
  void option(std::vector<std::string> words, std::string why, const std::vector<std::string>& same_as = {}) {
    const std::string shown = fmt::format("{}", fmt::join(words, " "));
    const std::string name(without_dashes(words[0]));
    bool theirs = user_.flags.contains(name);
    for (const auto& parameter : same_as) theirs = theirs || user_.parameters.contains(parameter);
    add(std::move(words), shown, std::move(why), theirs);
  }

  /// An MCA parameter by the option that sets it: --mca, --prtemca.
  void parameter(const std::string& flag, const std::string& name, const std::string& value,
                 std::string why) {
    add({flag, name, value}, fmt::format("{} {}", name, value), std::move(why),
        user_.parameters.contains(name));
  }

  /// Words under a name of their own in the reasons.
  void setting(std::vector<std::string> words, const std::string& shown, std::string why, bool theirs) {
    add(std::move(words), shown, std::move(why), theirs);
  }

  void words(const std::vector<std::string>& more) { words_.insert(words_.end(), more.begin(), more.end()); }

  MpirunCommand finish() { return {std::move(words_), {}, std::move(reasons_)}; }

 private:
  void add(std::vector<std::string> more, const std::string& shown, std::string why, bool theirs) {
    if (theirs) {
      reasons_.push_back({shown, "left alone: you have set it yourself"});
      return;
    }
    words(more);
    reasons_.push_back({shown, std::move(why)});
  }

  const UserSettings& user_;
  std::vector<std::string> words_;
  std::vector<Reason> reasons_;
};

}  // namespace shipyard::mpi
