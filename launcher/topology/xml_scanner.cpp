#include "launcher/topology/xml_scanner.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace shipyard::topology {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

bool is_name_letter(char letter) {
  return is_alphanumeric(letter) || letter == '_' || letter == '-' || letter == ':' || letter == '.';
}

}  // namespace

std::string_view XmlTag::attribute(std::string_view wanted) const {
  for (const auto& [attribute_name, value] : attributes) {
    if (attribute_name == wanted) return value;
  }
  return {};
}

XmlScanner::XmlScanner(std::string_view text) : text_(text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
}

bool XmlScanner::expect(std::string_view literal) {
  if (!text_.substr(at_).starts_with(literal)) return false;
  at_ += literal.size();
  return true;
}

bool XmlScanner::skip_past(std::string_view end) {
  const auto found = text_.find(end, at_);
  if (found == std::string_view::npos) return false;
  at_ = found + end.size();
  return true;
}

void XmlScanner::skip_blanks() { at_ = std::min(text_.find_first_not_of(kBlanks, at_), text_.size()); }

std::string_view XmlScanner::word() {
  const auto begin = at_;
  while (at_ < text_.size() && is_name_letter(text_[at_])) ++at_;
  return text_.substr(begin, at_ - begin);
}

std::nullopt_t XmlScanner::fail(std::size_t at) {
  fault_ = at;
  return std::nullopt;
}

/// Up to the end of the tag, which stays.
bool XmlScanner::read_attributes(XmlTag& tag) {
  while (true) {
    const auto before = at_;
    skip_blanks();
    if (at_ == text_.size()) return false;
    if (text_[at_] == '>' || text_[at_] == '/') return true;
    if (at_ == before) return false;  // no blank in between
    const auto name = word();
    skip_blanks();
    if (name.empty() || !tag.attribute(name).empty() || !expect("=")) return false;
    skip_blanks();
    if (at_ == text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) return false;
    const char quote = text_[at_++];
    const auto end = text_.find_first_of(quote == '"' ? "\"<" : "'<", at_);
    if (end == std::string_view::npos || text_[end] == '<') return false;
    tag.attributes.emplace_back(name, text_.substr(at_, end - at_));
    at_ = end + 1;
  }
}

std::optional<XmlTag> XmlScanner::next() {
  while (!fault_) {
    const auto text = at_;
    const auto tag = text_.find('<', at_);
    const auto content = text_.substr(at_, tag - at_);
    const bool is_blank = content.find_first_not_of(kBlanks) == std::string_view::npos;
    if (open_.empty() && !is_blank) return fail(text_.find_first_not_of(kBlanks, text));
    if (tag == std::string_view::npos) {
      if (!open_.empty() || !had_root_) fail(text_.size());
      return std::nullopt;
    }
    at_ = tag;
    if (expect("<!--")) {
      if (!skip_past("-->")) return fail(tag);
    } else if (expect("<?")) {
      if (!skip_past("?>")) return fail(tag);
    } else if (expect("<!")) {
      if (had_root_ || !skip_past(">")) return fail(tag);
    } else if (expect("</")) {
      const auto name = word();
      skip_blanks();
      if (open_.empty() || open_.back() != name || !expect(">")) return fail(tag);
      open_.pop_back();
    } else {
      expect("<");
      XmlTag result;
      result.name = word();
      result.depth = open_.size();
      if (result.name.empty() || (open_.empty() && had_root_) || !read_attributes(result)) return fail(tag);
      if (!expect("/")) open_.push_back(result.name);
      if (!expect(">")) return fail(tag);
      had_root_ = true;
      return result;
    }
  }
  return std::nullopt;
}

}  // namespace shipyard::topology
