#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/command_line.hpp"
#include "base/result.hpp"

namespace shipyard {

/// Something that a tool's file may say, and what it is.
struct ManTerm {
  std::string term;
  std::string text;
};

/// The man page of a tool, in man(7): `prose`, in which these lines stand for what its command lines say.
///
///   @name         the tool, and its first sentence in short
///   @synopsis     the usage of each command line
///   @description  the sentence, and what stands in the epilogue without a title
///   @options      all options; up to `@end` follow additions in man(7): `@option NAME`, `@group TITLE`,
///                 `@command NAME`, each with its lines
///   @sections     what the epilogue has with a title: FIGURES, EXIT STATUS, EXAMPLES
///   @terms        a paragraph for each of `terms`
///
/// `section`: "1", or "1shipyard" for a name that may be somebody else's too. One command line with `tool` as
/// its name, or one for each command of it ("shipyard-local run"). Fails, with the line, where an addition is
/// to something that there is not.
Result<std::string> man_page(const std::string& tool, const std::string& section,
                             const std::vector<CommandLineSpec>& command_lines, std::string_view prose,
                             const std::vector<ManTerm>& terms = {});

}  // namespace shipyard
