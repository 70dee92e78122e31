#include "base/bash_completion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/ascii.hpp"

namespace shipyard {
namespace {

/// What knows no tool. The caller has set, by the table: `words` of the line without the tool's command,
/// `cword` in it, `offset` of it in COMP_WORDS, `options`, `takes` (what each option's value is; none for a
/// flag), `operand`, and how many stand in front of a program.
constexpr const char* kEngine = R"(
# _shipyard_complete_as KIND: `cur` as a value of this kind.
_shipyard_complete_as() {
  local IFS=$'\n'
  case $1 in
    files) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")) ;;
    directories) compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")) ;;
    variables) COMPREPLY=($(compgen -e -- "$cur")) ;;
    signals) COMPREPLY=($(compgen -A signal -- "$cur")) ;;
    program) compopt -o filenames; COMPREPLY=($(compgen -c -- "$cur"; compgen -f -- "$cur")) ;;
    words:*) IFS=' '; COMPREPLY=($(compgen -W "${1#words:}" -- "$cur")) ;;
    *) COMPREPLY=() ;;
  esac
}

# The word at the cursor, by the options, takes, operand and in_front of the caller. Bash has "--ppn=l3" as three words.
_shipyard_complete_line() {
  local i word cur=${COMP_WORDS[COMP_CWORD]} operands=0 value=
  for ((i = first; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    value=
    if [[ $word == -- ]]; then
      operand_at=$((i + 1))
      break
    elif [[ $word == -?* ]]; then
      [[ -n ${takes[$word]-} ]] || continue
      value=${takes[$word]}
      [[ ${COMP_WORDS[i + 1]} != = ]] || ((i++))
      ((++i < COMP_CWORD)) && value=
    else
      ((++operands > in_front)) && [[ $operand == program ]] && operand_at=$i && break
    fi
  done
  if [[ -n $value ]]; then
    [[ $cur != = ]] || cur=
    _shipyard_complete_as "$value"
  elif [[ -n ${operand_at-} ]]; then
    if ((operand_at < COMP_CWORD)) && declare -F _command_offset >/dev/null; then
      _command_offset "$operand_at"
    elif ((operand_at < COMP_CWORD)); then
      _shipyard_complete_as files
    else
      _shipyard_complete_as "$operand"
    fi
  elif [[ $cur == -* ]]; then
    _shipyard_complete_as "words:${options[*]}"
  elif [[ $operand == program ]] && ((operands < in_front)); then
    _shipyard_complete_as files
  else
    _shipyard_complete_as "$operand"
  fi
}
)";

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    parts.emplace_back(text.substr(begin, text.find(at, begin) - begin));
    begin += parts.back().size() + 1;
  }
  return parts;
}

bool has_word(std::string_view text, std::string_view word) {
  const auto is_of_word = [](char c) { return is_letter(c) || c == '-'; };
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string_view::npos; at += word.size()) {
    const auto end = at + word.size();
    if ((at == 0 || !is_of_word(text[at - 1])) && (end == text.size() || !is_of_word(text[end]))) return true;
  }
  return false;
}

/// As _shipyard_complete_as has it. A value of which nothing is known is a "value".
std::string kind_of(const std::string& value) {
  std::string words;
  for (const auto& part : split(value, '|')) {
    if (!part.empty() &&
        std::all_of(part.begin(), part.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '-'; }))
      words += (words.empty() ? "" : " ") + part;
  }
  if (!words.empty()) return "words:" + words;
  if (value.starts_with("NAME[=")) return "variables";
  if (value == "SIGNAL") return "signals";
  if (value == "DIR" || value.starts_with("DIR[")) return "directories";
  for (const char* word : {"FILE", "PATH", "SCRIPT", "HERE"}) {
    if (has_word(value, word)) return "files";
  }
  return "value";
}

std::vector<std::string> spellings(const OptionSpec& option) {
  std::vector<std::string> result;
  if (option.letter != 0) result.push_back(fmt::format("-{}", option.letter));
  if (option.name.size() > 1) result.push_back("--" + option.name);
  result.insert(result.end(), option.aliases.begin(), option.aliases.end());
  return result;
}

std::string operand_kind(const CommandLineSpec& spec) {
  if (spec.operands == CommandLineSpec::Operands::kProgram) return "program";
  if (spec.operands == CommandLineSpec::Operands::kNone) return "none";
  // The usage names what it takes.
  if (has_word(spec.usage, "FILE")) return "files";
  return has_word(spec.usage, "DIR") ? "directories" : "none";
}

/// The assignments that make up the table of one command line.
std::string table_of(const CommandLineSpec& spec, std::string_view indent) {
  std::string options;
  std::string takes;
  for (const auto& group : spec.groups) {
    for (const auto& option : group.options) {
      for (const auto& word : spellings(option)) {
        options += (options.empty() ? "" : " ") + word;
        if (!option.value.empty()) takes += fmt::format(" [{}]='{}'", word, kind_of(option.value));
      }
    }
  }
  return fmt::format("{0}options=({1})\n{0}takes=({2} )\n{0}operand={3} in_front={4}\n", indent, options,
                     takes, operand_kind(spec), spec.operands_in_front);
}

}  // namespace

std::string bash_completion(const std::string& tool, const std::vector<CommandLineSpec>& command_lines) {
  std::string function = "_" + tool;
  std::replace(function.begin(), function.end(), '-', '_');
  std::string result = fmt::format(
      "# Completes {0} in bash. Made from the options that {0} --help has.\n# shellcheck shell=bash "
      "disable=SC2207\n{1}\n"
      "{2}() {{\n  local options operand in_front operand_at='' first=1\n  local -A takes\n",
      tool, kEngine, function);
  if (command_lines.size() == 1) {
    result += table_of(command_lines.front(), "  ");
  } else {
    std::vector<std::string> first_words;
    std::vector<std::pair<std::string, std::string>> second_words;  // by the first one
    std::string cases;
    for (const auto& spec : command_lines) {
      const std::string command = spec.tool.substr(tool.size() + 1);
      const auto words = split(command, ' ');
      if (std::find(first_words.begin(), first_words.end(), words[0]) == first_words.end())
        first_words.push_back(words[0]);
      if (words.size() > 1) {
        if (second_words.empty() || second_words.back().first != words[0])
          second_words.push_back({words[0], {}});
        auto& seconds = second_words.back().second;
        seconds += (seconds.empty() ? "" : " ") + words[1];
      }
      cases += fmt::format("    '{}')\n{}      ;;\n", command, table_of(spec, "      "));
    }
    std::string names;
    for (const auto& word : first_words) names += word + " ";
    std::string parts;
    for (const auto& [word, seconds] : second_words) parts += fmt::format(" [{}]='{}'", word, seconds);
    result += fmt::format(
        "  local cur=${{COMP_WORDS[COMP_CWORD]}} command=${{COMP_WORDS[1]}}\n"
        "  local -A parts=({1} )\n"
        "  if ((COMP_CWORD == 1)); then\n"
        "    _shipyard_complete_as 'words:{0}--help --version'\n"
        "    return\n"
        "  fi\n"
        "  first=2\n"
        "  if [[ -n ${{parts[$command]-}} ]]; then\n"
        "    if ((COMP_CWORD == 2)); then\n"
        "      _shipyard_complete_as \"words:${{parts[$command]}}\"\n"
        "      return\n"
        "    fi\n"
        "    command+=\" ${{COMP_WORDS[2]}}\"\n"
        "    first=3\n"
        "  fi\n"
        "  case $command in\n{2}"
        "    *) return ;;\n"
        "  esac\n",
        names, parts, cases);
  }
  result += fmt::format("  _shipyard_complete_line\n}}\ncomplete -F {} {}\n", function, tool);
  return result;
}

}  // namespace shipyard
