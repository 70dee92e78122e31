#include "base/documents.hpp"

#include <ostream>

#include "base/bash_completion.hpp"
#include "base/file.hpp"
#include "base/terminal.hpp"

namespace shipyard {
namespace {

constexpr const char* kManPage = "--print-man-page";
constexpr const char* kBashCompletion = "--print-bash-completion";

Result<std::string> document(const std::string& tool, const std::vector<CommandLineSpec>& command_lines,
                             const std::vector<std::string>& arguments, const std::vector<ManTerm>& terms) {
  if (arguments[0] == kBashCompletion) return bash_completion(tool, command_lines);
  const std::string& file = arguments[1];
  auto prose = read_file(file);
  if (!prose) return prose.error();
  auto page = man_page(tool, arguments[2], command_lines, *prose, terms);
  if (!page) page.error().message = file + ": " + page.error().message;
  return page;
}

}  // namespace

bool asks_for_documents(const std::vector<std::string>& arguments) {
  return (arguments.size() == 3 && arguments[0] == kManPage) ||
         (arguments.size() == 1 && arguments[0] == kBashCompletion);
}

int print_documents(const std::string& tool, const std::vector<CommandLineSpec>& command_lines,
                    const std::vector<std::string>& arguments, std::ostream& output, std::ostream& errors,
                    const std::vector<ManTerm>& terms) {
  const auto text = document(tool, command_lines, arguments, terms);
  if (!text) {
    errors << format_error(tool, text.error());
    return 1;
  }
  output << *text << std::flush;
  return output ? 0 : 1;
}

}  // namespace shipyard
