#pragma once

#include <ostream>
#include <string>
#include <utility>

namespace shipyard {

/// Text that nobody may see: printed it is "***", fmt does not take it, and what it holds has to be asked for
/// by name.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] const std::string& reveal() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  bool operator==(const Secret&) const = default;

  friend std::ostream& operator<<(std::ostream& stream, const Secret& /*unused*/) { return stream << "***"; }

 private:
  std::string text_;
};

}  // namespace shipyard
