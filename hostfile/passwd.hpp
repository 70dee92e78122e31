#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace shipyard::hostfile {

/// The home directory of a user in the text of /etc/passwd (passwd(5)). Nothing where the user is not in it:
/// this knows no directory service, and needs none for a note.
[[nodiscard]] std::optional<std::string> home_of_user(std::string_view passwd, unsigned user_id);

}  // namespace shipyard::hostfile
