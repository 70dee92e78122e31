#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace shipyard::topology {

/// A tag of XML.
struct XmlTag {
  std::string_view name = {};
  std::vector<std::pair<std::string_view, std::string_view>> attributes = {};  ///< values as they stand there
  std::size_t depth = 0;                                                       ///< 0: the root element

  /// Empty where there is none.
  [[nodiscard]] std::string_view attribute(std::string_view wanted) const;
};

/// Goes through the elements of an XML text and checks that tags are whole and match each other. hwloc
/// without its libxml2 plug-in does not, and crashes on some texts for it. Entities and encodings are not
/// looked at.
class XmlScanner {
 public:
  explicit XmlScanner(std::string_view text);

  /// The next opening tag; nullopt at the end and at a fault.
  std::optional<XmlTag> next();
  /// Where the text is no XML; nullopt: nowhere so far.
  [[nodiscard]] std::optional<std::size_t> fault() const { return fault_; }

 private:
  bool expect(std::string_view literal);
  bool skip_past(std::string_view end);
  void skip_blanks();
  std::string_view word();
  bool read_attributes(XmlTag& tag);
  std::nullopt_t fail(std::size_t at);

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::string_view> open_ = {};
  bool had_root_ = false;
  std::optional<std::size_t> fault_ = {};
};

}  // namespace shipyard::topology
