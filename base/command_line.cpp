#include "base/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cxxopts.hpp>

#include "base/terminal.hpp"

namespace shipyard {
namespace {

std::vector<const OptionSpec*> all_options(const CommandLineSpec& spec) {
  std::vector<const OptionSpec*> result;
  for (const auto& group : spec.groups) {
    for (const auto& option : group.options) result.push_back(&option);
  }
  return result;
}

/// "--ppn"; an option without a long name is "-n".
std::string spelling(const OptionSpec& option) { return (option.name.size() > 1 ? "--" : "-") + option.name; }

const OptionSpec* find_long(const CommandLineSpec& spec, std::string_view name) {
  for (const auto* option : all_options(spec)) {
    if (option->name == name && name.size() > 1) return option;
  }
  return nullptr;
}

const OptionSpec* find_letter(const CommandLineSpec& spec, char letter) {
  for (const auto* option : all_options(spec)) {
    if (option->letter == letter) return option;
  }
  return nullptr;
}

Error with_help(const CommandLineSpec& spec, std::string message, const std::string& nearest = {}) {
  std::string hint = fmt::format("Try '{} --help'", spec.tool);
  if (!nearest.empty()) hint = fmt::format("did you mean '{}'? {}", nearest, hint);
  return input_error(std::move(message), std::move(hint));
}

Error unknown_option(const CommandLineSpec& spec, std::string_view word) {
  std::vector<std::string> known;
  for (const auto* option : all_options(spec)) known.push_back(spelling(*option));
  std::string_view name = word.substr(0, word.find('='));
  return with_help(spec, fmt::format("unknown option '{}'", name), nearest_match(name, known));
}

/// The words that are options, each value a word of its own, and the operands. cxxopts itself cannot stop at
/// the first operand, and takes --name=value apart with std::regex, which knows no line breaks in it and
/// recurses once a character.
struct Split {
  std::vector<std::string> options;
  std::vector<std::string> operands;
};

Result<Split> split(const CommandLineSpec& spec, const std::vector<std::string>& arguments) {
  Split result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string word = arguments[i];
    if (word == "--") {
      result.operands.insert(result.operands.end(), arguments.begin() + static_cast<long>(i) + 1,
                             arguments.end());
      return result;
    }
    if (word.size() < 2 || word[0] != '-') {
      result.operands.push_back(word);
      if (spec.operands == CommandLineSpec::Operands::kProgram &&
          result.operands.size() > spec.operands_in_front) {
        result.operands.insert(result.operands.end(), arguments.begin() + static_cast<long>(i) + 1,
                               arguments.end());
        return result;
      }
      continue;
    }
    for (const auto* option : all_options(spec)) {
      if (std::find(option->aliases.begin(), option->aliases.end(), word) != option->aliases.end()) {
        word = spelling(*option);
      }
    }
    const OptionSpec* option = nullptr;
    std::optional<std::string> attached;
    if (word.starts_with("--")) {
      auto equals = word.find('=');
      option = find_long(spec,
                         std::string_view(word).substr(2, equals == std::string::npos ? equals : equals - 2));
      if (option == nullptr) return unknown_option(spec, word);
      if (equals != std::string::npos) attached = word.substr(equals + 1);
      if (option->value.empty() && attached) {
        return with_help(spec, fmt::format("option '--{}' takes no value", option->name));
      }
      result.options.push_back(spelling(*option));
    } else {
      for (std::size_t k = 1; k < word.size() && !attached; ++k) {
        option = find_letter(spec, word[k]);
        if (option == nullptr) return unknown_option(spec, word);
        if (!option->value.empty() && k + 1 < word.size()) attached = word.substr(k + 1);
        result.options.push_back(spelling(*option));
      }
    }
    if (attached) {
      result.options.push_back(*attached);
    } else if (!option->value.empty()) {
      if (i + 1 >= arguments.size()) {
        return with_help(spec, fmt::format("option '{}' needs a value: {}", arguments[i], option->value));
      }
      result.options.push_back(arguments[++i]);
    }
  }
  return result;
}

}  // namespace

bool ParsedCommandLine::has(std::string_view name) const { return count(name) > 0; }

int ParsedCommandLine::count(std::string_view name) const {
  auto found = values.find(name);
  return found == values.end() ? 0 : static_cast<int>(found->second.size());
}

std::optional<ParsedCommandLine::Value> ParsedCommandLine::get(std::string_view name) const {
  auto found = values.find(name);
  if (found == values.end() || found->second.empty()) return std::nullopt;
  return found->second.back();
}

std::vector<ParsedCommandLine::Value> ParsedCommandLine::all(std::string_view name) const {
  auto found = values.find(name);
  return found == values.end() ? std::vector<Value>{} : found->second;
}

Result<ParsedCommandLine> parse_command_line(const CommandLineSpec& spec,
                                             const std::vector<std::string>& arguments,
                                             const Environment& environment) {
  auto words = split(spec, arguments);
  if (!words) return words.error();
  if (spec.operands == CommandLineSpec::Operands::kNone && !words->operands.empty()) {
    return with_help(spec, fmt::format("unexpected argument '{}'", words->operands[0]));
  }

  ParsedCommandLine result;
  result.operands = words->operands;
  try {
    cxxopts::Options parser(spec.tool);
    for (const auto* option : all_options(spec)) {
      parser.add_options()(option->name, option->help,
                           option->value.empty() ? cxxopts::value<bool>() : cxxopts::value<std::string>());
    }
    std::vector<const char*> argv{spec.tool.c_str()};
    for (const auto& word : words->options) argv.push_back(word.c_str());
    auto parsed = parser.parse(static_cast<int>(argv.size()), argv.data());
    for (const auto& argument : parsed.arguments()) {
      auto& values = result.values[argument.key()];
      const OptionSpec* option =
          argument.key().size() > 1 ? find_long(spec, argument.key()) : find_letter(spec, argument.key()[0]);
      // -v counts; of the others the last one wins, as everywhere.
      if (!option->repeatable) values.clear();
      values.push_back({argument.value(), spelling(*option)});
    }
  } catch (const std::exception& failure) {
    return with_help(spec, failure.what());
  }
  for (const auto* option : all_options(spec)) {
    if (option->variable.empty() || result.has(option->name)) continue;
    auto value = environment.get(option->variable);
    if (!value || value->empty() || (option->value.empty() && *value == "0")) continue;
    result.values[option->name].push_back({std::string(*value), option->variable});
  }
  return result;
}

std::string help_text(const CommandLineSpec& spec, int columns) {
  constexpr std::size_t kColumn = 26;
  std::string result =
      fmt::format("Usage: {} {}\n\n{}\n", spec.tool, spec.usage, wrap(spec.sentence, columns, 0));
  for (const auto& group : spec.groups) {
    result += fmt::format("\n{}:\n", group.title);
    for (const auto& option : group.options) {
      std::string left = "      --" + option.name;
      if (option.letter != 0) left = fmt::format("  -{}, --{}", option.letter, option.name);
      if (option.name.size() == 1) left = "  -" + option.name;
      if (!option.value.empty()) left += " " + option.value;
      std::string text = option.help;
      if (!option.default_text.empty()) text += fmt::format(" (default {})", option.default_text);
      if (!option.variable.empty()) text += fmt::format(" [{}]", option.variable);
      // The text stands in a column of its own, beside the option where that fits and below it where not.
      std::string body = wrap(text, columns - static_cast<int>(kColumn), 0);
      const std::string indent(kColumn, ' ');
      for (std::size_t end = 0; (end = body.find('\n', end)) != std::string::npos; ++end)
        body.insert(end + 1, indent);
      body.insert(0, left.size() + 2 <= kColumn ? left + std::string(kColumn - left.size(), ' ')
                                                : left + "\n" + indent);
      result += body + "\n";
    }
  }
  if (!spec.epilogue.empty()) result += "\n" + spec.epilogue;
  return result;
}

Result<int> parse_number(const ParsedCommandLine::Value& value, int minimum, int maximum) {
  int number = 0;
  const char* end = value.text.data() + value.text.size();
  auto [stop, failure] = std::from_chars(value.text.data(), end, number);
  if (failure != std::errc{} || stop != end || number < minimum || number > maximum) {
    return input_error(fmt::format("{}: '{}' is not a whole number from {} to {}", value.origin, value.text,
                                   minimum, maximum));
  }
  return number;
}

std::string nearest_match(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    // Levenshtein, one row at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j <= candidate.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i);
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        std::size_t substitution = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, substitution}));
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace shipyard
