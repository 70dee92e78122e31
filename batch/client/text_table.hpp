#pragma once

#include <string>
#include <vector>

namespace shipyard::batch {

/// Rows in columns, two blanks apart, the first row as heads; numbers (columns named in `right`) to the
/// right. No line ends in blanks.
[[nodiscard]] std::string text_table(const std::vector<std::vector<std::string>>& rows,
                                     const std::vector<std::size_t>& right = {});

}  // namespace shipyard::batch
