#include "base/man_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/terminal.hpp"

namespace shipyard {
namespace {

CommandLineSpec tool_spec() {
  CommandLineSpec spec;
  spec.tool = "tool";
  spec.usage = "[options] FILE -- program…   under mpirun";
  spec.sentence = "Measures what MPI_Init takes.";
  spec.groups = {
      {"Ranks",
       {{.name = "n", .letter = 'n', .value = "N", .help = "N ranks in all", .aliases = {"-np"}},
        {.name = "per-node",
         .value = "N|core",
         .help = "ranks on a node (--smt, too)",
         .variable = "SHIPYARD_PPN",
         .default_text = "core"}}},
      {"Other", {{.name = "output", .letter = 'o', .value = "FILE", .help = ".hidden, or C:\\x"}}}};
  spec.epilogue =
      "Starts again:\n\n  begin   the start\n  end     the end, of\n          all\n\n"
      "Figures:\n  mean: of --n ranks.\n  More.\n\nExamples:\n  tool -n 4\n  ' quoted\n\nExit status: 0, or "
      "1.\n";
  return spec;
}

std::string page(std::string_view prose, const std::vector<CommandLineSpec>& specs = {tool_spec()}) {
  auto text = man_page("tool", "1", specs, prose);
  if (!text) return format_error("tool", text.error());
  return text->substr(text->find(".ad l\n") + 6);
}

TEST(ManPage, HasATitleAndTheProseAsItIs) {
  EXPECT_EQ(*man_page("a-tool", "1x", {tool_spec()}, ".SH NAME\nit \\- is\n"),
            ".TH A\\-TOOL 1x \"\" \"shipyard\\-mpirun " SHIPYARD_VERSION
            "\" \"User Commands\"\n.nr HY 0\n.nh\n.ad l\n.SH NAME\nit \\- is\n");
}

TEST(ManPage, HasAParagraphForEachTerm) {
  const auto text =
      man_page("tool", "1", {tool_spec()}, ".SH FILE\n@terms\n", {{"a.b-c[]", ".a part"}, {"d", "x"}});
  EXPECT_THAT(*text, testing::EndsWith(".SH FILE\n.TP\n\\fBa.b\\-c[]\\fR\n\\&.a part\n.TP\n\\fBd\\fR\nx\n"));
}

TEST(ManPage, TakesNameSynopsisAndDescriptionFromTheCommandLine) {
  EXPECT_EQ(page("@name\n@synopsis\n@description\n"),
            "tool \\- measures what MPI_Init takes\n"
            "\\fBtool\\fR [\\fIoptions\\fR] \\fIFILE\\fR \\fB\\-\\-\\fR \\fIprogram\\fR…\n"
            "Measures what MPI_Init takes.\n"
            ".PP\nStarts again:\n"
            ".PP\n.TP\n\\fBbegin\\fR\nthe start\n.TP\n\\fBend\\fR\nthe end, of\nall\n");
}

TEST(ManPage, HasEachOptionWithItsDefaultAndVariableBehindWhatTheProseAdds) {
  EXPECT_EQ(
      page("@options\n@option per-node\nMore of it.\n@group Other\nOf these.\n@end\n"),
      ".SS Ranks\n"
      ".TP\n\\fB\\-n\\fR, \\fB\\-np\\fR \\fIN\\fR\n\\fIN\\fR ranks in all.\n"
      ".TP\n\\fB\\-\\-per\\-node\\fR \\fIN\\fR|\\fBcore\\fR\nRanks on a node (\\fB\\-\\-smt\\fR, too).\n"
      "More of it.\nDefault: \\fBcore\\fR. Variable: \\fBSHIPYARD_PPN\\fR.\n"
      ".SS Other\nOf these.\n"
      ".TP\n\\fB\\-o\\fR, \\fB\\-\\-output\\fR \\fIFILE\\fR\n\\&.hidden, or C:\\ex.\n");
}

TEST(ManPage, MakesSectionsOfTheEpiloguesTitles) {
  EXPECT_EQ(page("@sections\n"),
            ".SH FIGURES\nmean: of \\fB\\-\\-n\\fR ranks.\nMore.\n"
            ".SH EXAMPLES\n.nf\ntool \\-n 4\n\\&' quoted\n.fi\n"
            ".SH EXIT STATUS\n0, or 1.\n");
}

TEST(ManPage, SaysOnceWhatSeveralCommandsHave) {
  const OptionSpec help{.name = "help", .help = "print this"};
  const OptionSpec nodes{.name = "nodes", .value = "N", .help = "how many"};
  CommandLineSpec run{"tool run", "FILE", "Runs it.", {{"Run", {nodes}}, {"General", {help}}}};
  CommandLineSpec up{"tool up", "", "Lets it stay.", {{"Up", {nodes}}, {"General", {help}}}};
  CommandLineSpec down{"tool down", "", "Ends it.", {{"General", {help}}}};
  down.groups[0].options.push_back({.name = "nodes", .value = "N", .help = "how many of them"});
  EXPECT_EQ(page("@synopsis\n@options\n@command up\nFor long.\n@end\n", {run, up, down}),
            "\\fBtool run\\fR \\fIFILE\\fR\n.br\n\\fBtool up\\fR\n.br\n\\fBtool down\\fR\n"
            ".SS run\nRuns it.\n.TP\n\\fB\\-\\-nodes\\fR \\fIN\\fR\nHow many.\n"
            ".SS up\nLets it stay.\nFor long.\n.PP\nAs for \\fBrun\\fR: \\fB\\-\\-nodes\\fR.\n"
            ".SS down\nEnds it.\n.TP\n\\fB\\-\\-nodes\\fR \\fIN\\fR\nHow many of them.\n"
            ".SS All commands\n.TP\n\\fB\\-\\-help\\fR\nPrint this.\n");
}

TEST(ManPage, RefusesAnAdditionToWhatThereIsNot) {
  EXPECT_EQ(page("x\n@options\n@option per-node\n@option gone\nIt was here.\n@end\n"),
            "tool: error: line 4: tool has no option gone\n");
  EXPECT_EQ(page("@options\n@group Gone\n@end\n"), "tool: error: line 2: tool has no group Gone\n");
  EXPECT_EQ(page("@options\ntext\n@end\n"), "tool: error: line 2: an addition to nothing\n");
  EXPECT_EQ(page("@options\n@option n\n@option n\n@end\n"), "tool: error: line 3: a second '@option n'\n");
  EXPECT_EQ(page("@options\n@option n\n"), "tool: error: line 2: no '@end' after '@options'\n");
  EXPECT_EQ(page("@opinions\n"), "tool: error: line 1: '@opinions' is unknown\n");
}

}  // namespace
}  // namespace shipyard
