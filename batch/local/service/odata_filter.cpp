#include "batch/local/service/odata_filter.hpp"

#include <algorithm>
#include <array>

namespace shipyard::local {
namespace {

using nlohmann::json;

struct Term {
  std::string name;
  std::string comparison;  ///< eq, ne, lt, le, gt, ge, startswith
  json value;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<std::vector<Term>> terms() {
    std::vector<Term> found;
    while (true) {
      const auto term = one();
      if (!term) return std::nullopt;
      found.push_back(*term);
      skip_blanks();
      if (text_.empty()) return found;
      if (word() != "and") return std::nullopt;
    }
  }

 private:
  void skip_blanks() { text_.remove_prefix(std::min(text_.find_first_not_of(' '), text_.size())); }

  bool take(char c) {
    skip_blanks();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }

  std::string word() {
    skip_blanks();
    const auto end = std::min(text_.find_first_of(" (),'"), text_.size());
    std::string found(text_.substr(0, end));
    text_.remove_prefix(end);
    return found;
  }

  std::optional<std::string> quoted() {
    if (!take('\'')) return std::nullopt;
    std::string found;
    while (!text_.empty()) {
      const char c = text_[0];
      text_.remove_prefix(1);
      if (c != '\'') {
        found += c;
      } else if (text_.starts_with('\'')) {
        found += c;
        text_.remove_prefix(1);
      } else {
        return found;
      }
    }
    return std::nullopt;
  }

  std::optional<json> value() {
    skip_blanks();
    if (text_.starts_with('\'')) {
      const auto text = quoted();
      return text ? std::optional<json>(*text) : std::nullopt;
    }
    const std::string plain = word();
    if (plain == "datetime" || plain == "DateTime") {
      const auto text = quoted();
      return text ? std::optional<json>(*text) : std::nullopt;
    }
    const json parsed = json::parse(plain, nullptr, false);
    return parsed.is_primitive() && !parsed.is_discarded() ? std::optional<json>(parsed) : std::nullopt;
  }

  std::optional<Term> one() {
    Term term;
    term.name = word();
    if (term.name == "startswith" && take('(')) {
      term.comparison = term.name;
      term.name = word();
      if (!take(',')) return std::nullopt;
      const auto text = quoted();
      if (!text || term.name.empty() || !take(')')) return std::nullopt;
      term.value = *text;
      return term;
    }
    term.comparison = word();
    const auto given = value();
    static constexpr std::array kComparisons = {"eq", "ne", "lt", "le", "gt", "ge"};
    if (!given || term.name.empty() ||
        std::find(kComparisons.begin(), kComparisons.end(), term.comparison) == kComparisons.end())
      return std::nullopt;
    term.value = *given;
    return term;
  }

  std::string_view text_;
};

json value_at(const json& item, std::string_view path) {
  const json* here = &item;
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    if (!here->is_object()) return nullptr;
    const auto found = here->find(std::string(path.substr(at, end - at)));
    if (found == here->end()) return nullptr;
    here = &*found;
    at = end + 1;
  }
  return *here;
}

bool holds(const json& item, const Term& term) {
  const json value = value_at(item, term.name);
  if (term.comparison == "startswith")
    return value.is_string() &&
           value.get_ref<const std::string&>().starts_with(term.value.get<std::string>());
  if (term.comparison == "eq") return value == term.value;
  if (term.comparison == "ne") return value != term.value;
  // What is not there, or of another kind, is neither less nor more.
  if (value.is_null() || value.is_number() != term.value.is_number()) return false;
  if (term.comparison == "lt") return value < term.value;
  if (term.comparison == "le") return value <= term.value;
  if (term.comparison == "gt") return value > term.value;
  return value >= term.value;
}

}  // namespace

std::optional<std::vector<json>> filtered(std::vector<json> items, std::string_view filter) {
  const auto terms = Reader(filter).terms();
  if (!terms) return std::nullopt;
  std::erase_if(items, [&](const json& item) {
    return !std::all_of(terms->begin(), terms->end(), [&](const Term& term) { return holds(item, term); });
  });
  return items;
}

json selected(const json& item, std::string_view select) {
  if (select.empty()) return item;
  json part = json::object();
  for (std::size_t at = 0; at <= select.size();) {
    const auto end = std::min(select.find(',', at), select.size());
    std::string name(select.substr(at, end - at));
    std::erase(name, ' ');
    if (const auto found = item.find(name); found != item.end()) part[name] = *found;
    at = end + 1;
  }
  return part;
}

}  // namespace shipyard::local
