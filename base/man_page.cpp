#include "base/man_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/ascii.hpp"

namespace shipyard {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(' ');
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

/// A bare "-" is a hyphen in man(7), which a terminal may show as another character than the one to type.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  return result;
}

std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + escaped(text) + "\\fR"; }

/// At the beginning of a line these two ask for something.
std::string protected_line(const std::string& line) {
  return line.starts_with('.') || line.starts_with('\'') ? "\\&" + line : line;
}

/// A value's placeholder: "N|core" has N to be replaced and core to be typed.
std::string placeholder(std::string_view value) {
  std::string result;
  const auto is_word = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; };
  for (std::size_t at = 0; at < value.size();) {
    std::size_t end = at;
    while (end < value.size() && is_word(value[end])) ++end;
    if (end == at) {
      result += value[at++];
      continue;
    }
    const auto word = value.substr(at, end - at);
    result += is_upper(word[0]) ? italic(word) : bold(word);
    at = end;
  }
  return result;
}

/// Usage: what is replaced is in italics also where it is written in lower case.
std::string usage_text(std::string_view usage) {
  std::string result;
  const auto is_word = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; };
  for (std::size_t at = 0; at < usage.size();) {
    std::size_t end = at;
    while (end < usage.size() && is_word(usage[end])) ++end;
    if (end == at) {
      result += usage[at++];
      continue;
    }
    const auto word = usage.substr(at, end - at);
    result += word[0] == '-' ? bold(word) : italic(word);
    at = end;
  }
  return result;
}

bool is_variable(std::string_view word) {
  return word.find('_') != std::string_view::npos && is_upper(word.front()) &&
         std::all_of(word.begin(), word.end(), [](char c) { return is_upper(c) || is_digit(c) || c == '_'; });
}

/// Plain text with options and variables in bold, and what `value` has as placeholders in italics.
std::string text_of(std::string_view text, std::string_view value = {}) {
  std::set<std::string, std::less<>> placeholders;
  for (std::size_t at = 0; at < value.size(); ++at) {
    std::size_t end = at;
    while (end < value.size() && is_upper(value[end])) ++end;
    if (end > at) placeholders.emplace(value.substr(at, end - at));
    at = std::max(at, end);
  }
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find_first_of(" \n", at), text.size());
    std::string_view word = text.substr(at, end - at);
    const auto front = std::min(word.find_first_not_of("('["), word.size());
    auto back = word.find_last_not_of(".,;:)'!?]");
    back = back == std::string_view::npos || back < front ? front : back + 1;
    const std::string_view core = word.substr(front, back - front);
    result += escaped(word.substr(0, front));
    const bool is_option =
        core.size() > 1 && core[0] == '-' && core != "--" && (is_lower(core[1]) || core[1] == '-');
    if (is_option || is_variable(core)) {
      result += bold(core);
    } else if (placeholders.contains(core)) {
      result += italic(core);
    } else {
      result += escaped(core);
    }
    result += escaped(word.substr(back));
    if (end < text.size()) result += ' ';
    at = end + 1;
  }
  return protected_line(result);
}

std::string sentence_of(std::string text) {
  if (text.empty()) return text;
  if (is_lower(text[0]) && (text.size() < 2 || !is_upper(text[1]))) text[0] = to_upper(text[0]);
  if (!text.ends_with('.')) text += '.';
  return text;
}

/// The name of a command: the specification's without the tool's; empty for the tool itself.
std::string command_of(const std::string& tool, const CommandLineSpec& spec) {
  return spec.tool == tool ? std::string() : spec.tool.substr(tool.size() + 1);
}

std::string spelled(const OptionSpec& option) {
  std::string result;
  if (option.letter != 0) result = bold(fmt::format("-{}", option.letter));
  if (option.name.size() > 1) result += (result.empty() ? "" : ", ") + bold("--" + option.name);
  for (const auto& alias : option.aliases) result += ", " + bold(alias);
  return result;
}

/// `addition`: in man(7), between what --help says and the defaults.
std::string option_entry(const OptionSpec& option, const std::string& addition) {
  std::string origins;
  if (!option.default_text.empty()) {
    const bool is_word = option.default_text.find(' ') == std::string::npos;
    origins = fmt::format("Default: {}.", is_word ? bold(option.default_text) : text_of(option.default_text));
  }
  if (!option.variable.empty())
    origins += fmt::format("{}Variable: {}.", origins.empty() ? "" : " ", bold(option.variable));
  if (!origins.empty()) origins += "\n";
  return fmt::format(".TP\n{}{}\n{}\n{}{}", spelled(option),
                     option.value.empty() ? std::string() : " " + placeholder(option.value),
                     text_of(sentence_of(option.help), option.value), addition, origins);
}

struct Block {
  std::string title;  ///< empty: none
  std::vector<std::string> lines;
};

/// The parts of an epilogue, between empty lines. "Title:" alone on a line, with indented ones below it, is a
/// title; so is "Exit status:" wherever it begins one.
std::vector<Block> blocks_of(std::string_view epilogue) {
  constexpr std::string_view kExitStatus = "Exit status: ";
  std::vector<Block> blocks;
  bool is_new = true;
  for (auto& line : lines_of(epilogue)) {
    if (line.empty()) {
      is_new = true;
    } else if (is_new && line.ends_with(':') && line.find(' ') == std::string::npos) {
      blocks.push_back({line.substr(0, line.size() - 1), {}});
      is_new = false;
    } else if (is_new && line.starts_with(kExitStatus)) {
      blocks.push_back({"Exit status", {line.substr(kExitStatus.size())}});
      is_new = false;
    } else {
      if (is_new) blocks.emplace_back();
      is_new = false;
      blocks.back().lines.push_back(std::move(line));
    }
  }
  return blocks;
}

/// "  word   what it means" begins an entry, and lines that are indented deeper go on with it.
std::optional<std::pair<std::string, std::string>> entry_of(std::string_view line) {
  if (!line.starts_with("  ") || line.starts_with("   ")) return std::nullopt;
  const auto gap = line.find("   ", 2);
  if (gap == std::string_view::npos || gap > 20) return std::nullopt;
  return std::pair(std::string(line.substr(2, gap - 2)), std::string(trimmed(line.substr(gap))));
}

std::string filled(const Block& block) {
  std::string result;
  for (const auto& line : block.lines) {
    if (const auto entry = entry_of(line); entry && block.title.empty()) {
      result += fmt::format(".TP\n{}\n{}\n", bold(entry->first), text_of(entry->second));
    } else {
      result += text_of(trimmed(line)) + "\n";
    }
  }
  return result;
}

std::string verbatim(const Block& block) {
  std::string result = ".nf\n";
  for (const auto& line : block.lines) {
    const std::string_view text = line;
    result += protected_line(escaped(text.substr(std::min<std::size_t>(2, line.size())))) + "\n";
  }
  return result + ".fi\n";
}

std::string upper(std::string text) {
  for (char& c : text) c = to_upper(c);
  return text;
}

class Page {
 public:
  Page(const std::string& tool, const std::vector<CommandLineSpec>& command_lines)
      : tool_(tool), command_lines_(command_lines) {}

  [[nodiscard]] std::string name() const {
    std::string sentence = command_lines_.front().sentence;
    sentence[0] = to_lower(sentence[0]);
    if (sentence.ends_with('.')) sentence.pop_back();
    return fmt::format("{} \\- {}\n", escaped(tool_), escaped(sentence));
  }

  [[nodiscard]] std::string synopsis() const {
    std::string result;
    for (const auto& spec : command_lines_) {
      for (const auto& line : lines_of(spec.usage)) {
        std::string_view usage = trimmed(line);
        if (usage.starts_with(spec.tool)) usage = trimmed(usage.substr(spec.tool.size()));
        // Behind a wide gap stands what is no word of it.
        usage = usage.substr(0, usage.find("   "));
        if (!result.empty()) result += ".br\n";
        result += bold(spec.tool) + (usage.empty() ? "" : " ") + usage_text(usage) + "\n";
      }
      if (spec.usage.empty()) result += (result.empty() ? "" : ".br\n") + bold(spec.tool) + "\n";
    }
    return result;
  }

  [[nodiscard]] std::string description() const {
    std::string result = text_of(command_lines_.front().sentence) + "\n";
    for (const auto& block : blocks_of(command_lines_.front().epilogue)) {
      if (block.title.empty()) result += ".PP\n" + filled(block);
    }
    return result;
  }

  [[nodiscard]] std::string sections() const {
    std::string result;
    for (const auto& block : blocks_of(command_lines_.front().epilogue)) {
      if (block.title.empty()) continue;
      const bool is_example = block.title.starts_with("Example");
      result += fmt::format(".SH {}\n{}", upper(block.title), is_example ? verbatim(block) : filled(block));
    }
    return result;
  }

  /// Text that goes below an option, a group's or a command's title, by "option NAME" and its like.
  using Additions = std::map<std::string, std::string, std::less<>>;

  /// Removes from `additions` what it has used.
  [[nodiscard]] std::string options(Additions& additions) const {
    const auto take = [&](const std::string& key) {
      const auto found = additions.find(key);
      if (found == additions.end()) return std::string();
      std::string text = std::move(found->second);
      additions.erase(found);
      return text;
    };
    const bool has_commands = command_lines_.size() > 1;
    const auto common = has_commands ? in_all() : std::vector<OptionSpec>();
    // By name: what was shown already, and under which command.
    std::multimap<std::string, std::pair<OptionSpec, std::string>> shown;
    std::string result;
    for (const auto& spec : command_lines_) {
      const std::string command = command_of(tool_, spec);
      std::vector<std::pair<std::string, std::string>> as_for;  // command, its options
      if (has_commands) {
        result += fmt::format(".SS {}\n{}\n", escaped(command), text_of(spec.sentence));
        result += take("command " + command);
      }
      for (const auto& group : spec.groups) {
        if (!has_commands)
          result += fmt::format(".SS {}\n", escaped(group.title)) + take("group " + group.title);
        for (const auto& option : group.options) {
          if (std::find(common.begin(), common.end(), option) != common.end()) continue;
          const auto [first, last] = shown.equal_range(option.name);
          const auto before =
              std::find_if(first, last, [&](const auto& entry) { return entry.second.first == option; });
          if (before == last) {
            result += option_entry(option, take("option " + option.name));
            shown.emplace(option.name, std::pair(option, command));
          } else {
            const auto& whose = before->second.second;
            auto entry =
                std::find_if(as_for.begin(), as_for.end(), [&](const auto& e) { return e.first == whose; });
            if (entry == as_for.end()) entry = as_for.insert(as_for.end(), {whose, {}});
            entry->second += (entry->second.empty() ? "" : ", ") + spelled(option);
          }
        }
      }
      for (const auto& [whose, names] : as_for)
        result += fmt::format(".PP\nAs for {}: {}.\n", bold(whose), names);
    }
    if (!common.empty()) {
      result += ".SS All commands\n";
      for (const auto& option : common) result += option_entry(option, take("option " + option.name));
    }
    return result;
  }

 private:
  [[nodiscard]] std::vector<OptionSpec> in_all() const {
    std::vector<OptionSpec> result;
    const auto has = [](const CommandLineSpec& spec, const OptionSpec& option) {
      return std::any_of(spec.groups.begin(), spec.groups.end(), [&](const OptionGroup& group) {
        return std::find(group.options.begin(), group.options.end(), option) != group.options.end();
      });
    };
    for (const auto& group : command_lines_.front().groups) {
      for (const auto& option : group.options) {
        if (std::all_of(command_lines_.begin(), command_lines_.end(),
                        [&](const CommandLineSpec& spec) { return has(spec, option); }))
          result.push_back(option);
      }
    }
    return result;
  }

  const std::string& tool_;
  const std::vector<CommandLineSpec>& command_lines_;
};

Error prose_error(std::size_t line, const std::string& what) {
  return input_error(fmt::format("line {}: {}", line + 1, what));
}

}  // namespace

Result<std::string> man_page(const std::string& tool, const std::string& section,
                             const std::vector<CommandLineSpec>& command_lines, std::string_view prose,
                             const std::vector<ManTerm>& terms) {
  const Page page(tool, command_lines);
  std::string result =
      fmt::format(".TH {} {} \"\" \"shipyard\\-mpirun {}\" \"User Commands\"\n.nr HY 0\n.nh\n.ad l\n",
                  escaped(upper(tool)), section, SHIPYARD_VERSION);
  const auto lines = lines_of(prose);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    if (!line.starts_with('@')) {
      result += line + "\n";
    } else if (line == "@terms") {
      for (const auto& [term, text] : terms)
        result += fmt::format(".TP\n{}\n{}\n", bold(term), protected_line(escaped(text)));
    } else if (line == "@name") {
      result += page.name();
    } else if (line == "@synopsis") {
      result += page.synopsis();
    } else if (line == "@description") {
      result += page.description();
    } else if (line == "@sections") {
      result += page.sections();
    } else if (line == "@options") {
      Page::Additions additions;
      std::map<std::string, std::size_t, std::less<>> places;
      std::string* addition = nullptr;
      for (++i; i < lines.size() && lines[i] != "@end"; ++i) {
        if (lines[i].starts_with('@')) {
          const std::string key = lines[i].substr(1);
          if (!places.emplace(key, i).second) return prose_error(i, fmt::format("a second '@{}'", key));
          addition = &additions[key];
        } else if (addition == nullptr) {
          return prose_error(i, "an addition to nothing");
        } else {
          *addition += lines[i] + "\n";
        }
      }
      if (i == lines.size()) return prose_error(i - 1, "no '@end' after '@options'");
      result += page.options(additions);
      if (!additions.empty()) {
        const auto& key = additions.begin()->first;
        return prose_error(places[key], fmt::format("{} has no {}", tool, key));
      }
    } else {
      return prose_error(i, fmt::format("'{}' is unknown", line));
    }
  }
  return result;
}

}  // namespace shipyard
