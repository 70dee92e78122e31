#include "base/terminal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <sstream>

namespace shipyard {
namespace {

Error error_at(std::string text, std::size_t offset) {
  Error error = input_error("the list is wrong", "mend it");
  error.excerpt = {std::move(text), offset};
  return error;
}

TEST(FormatError, IsOneLineWithoutPlaceAndHint) {
  EXPECT_EQ(format_error("tool", input_error("it is wrong")), "tool: error: it is wrong\n");
}

TEST(FormatError, ShowsThePlaceUnderACaretAndTheHint) {
  EXPECT_EQ(format_error("tool", error_at("10.0.0.4,10.0.0.5,10.0.0;rm", 24)),
            "tool: error: the list is wrong\n"
            "  10.0.0.4,10.0.0.5,10.0.0;rm\n"
            "                          ^\n"
            "hint: mend it\n");
}

TEST(FormatError, PointsBehindTheTextWhereSomethingIsMissingThere) {
  EXPECT_EQ(format_error("tool", error_at("10.0.0.4,", 9)),
            "tool: error: the list is wrong\n"
            "  10.0.0.4,\n"
            "           ^\n"
            "hint: mend it\n");
}

TEST(FormatError, CutsALongTextAroundTheFault) {
  const std::string text = std::string(100, 'a') + "X" + std::string(100, 'b');
  EXPECT_EQ(format_error("tool", error_at(text, 100), 40),
            "tool: error: the list is wrong\n"
            "  ...aaaaaaaaaaaaaaaXbbbbbbbbbbbbbbb...\n"
            "                    ^\n"
            "hint: mend it\n");
}

TEST(FormatError, CutsOnlyTheFarSideOfAFaultNearAnEnd) {
  const std::string text(100, 'a');
  EXPECT_EQ(format_error("tool", error_at("X" + text, 0), 30),
            "tool: error: the list is wrong\n"
            "  Xaaaaaaaaaaaaaaaaaaaaaaa...\n"
            "  ^\n"
            "hint: mend it\n");
  EXPECT_EQ(format_error("tool", error_at(text + "X", 100), 30),
            "tool: error: the list is wrong\n"
            "  ...aaaaaaaaaaaaaaaaaaaaaaaX\n"
            "                            ^\n"
            "hint: mend it\n");
}

TEST(FormatError, KeepsTheExcerptWithinEveryWidthAndTheCaretUnderTheFault) {
  for (int columns : {0, 1, 19, 20, 21, 33, 80, 200}) {
    for (std::size_t offset = 0; offset <= 300; offset += 7) {
      std::string text(300, 'a');
      if (offset < text.size()) text[offset] = 'X';
      std::istringstream lines(format_error("t", error_at(text, offset), columns));
      std::string message;
      std::string excerpt;
      std::string caret;
      std::getline(lines, message);
      std::getline(lines, excerpt);
      std::getline(lines, caret);
      const auto limit = static_cast<std::size_t>(std::max(columns, 20));
      EXPECT_LE(excerpt.size(), limit);
      EXPECT_LE(caret.size(), limit);
      ASSERT_EQ(caret.find('^'), std::min(excerpt.find('X'), excerpt.size()))
          << columns << " columns, offset " << offset << "\n"
          << excerpt << "\n"
          << caret;
    }
  }
}

TEST(FormatError, ShowsBytesThatATerminalWouldActOnAsQuestionMarks) {
  EXPECT_EQ(format_error("tool", error_at("a\033[31m\r\nb\x7F\tc", 8)),
            "tool: error: the list is wrong\n"
            "  a?[31m??b??c\n"
            "          ^\n"
            "hint: mend it\n");
}

TEST(FormatError, CountsUtf8CharactersAsOneColumnEach) {
  // The fault is the second byte of the third character.
  EXPECT_EQ(format_error("tool", error_at("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x9A\xA2z", 6)),
            "tool: error: the list is wrong\n"
            "  ???z\n"
            "    ^\n"
            "hint: mend it\n");
}

TEST(FormatError, EndsACharacterThatIsCutOff) {
  EXPECT_EQ(format_error("tool", error_at("\xE2\x82\xC3,\x80\x80z", 3)),
            "tool: error: the list is wrong\n"
            "  ??,??z\n"
            "    ^\n"
            "hint: mend it\n");
}

TEST(FormatError, LooksAtNoMoreOfAMegabyteThanItShows) {
  std::string text(64 << 20, ',');
  text[text.size() / 2] = 'X';
  const Error error = error_at(text, text.size() / 2);
  std::string shown;
  auto fastest = std::chrono::steady_clock::duration::max();
  for (int i = 0; i < 20; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    shown = format_error("tool", error, 30);
    fastest = std::min(fastest, std::chrono::steady_clock::now() - begin);
  }
  EXPECT_EQ(shown,
            "tool: error: the list is wrong\n"
            "  ...,,,,,,,,,,X,,,,,,,,,,...\n"
            "               ^\n"
            "hint: mend it\n");
  // Walking through 32 MiB takes far longer on any machine; this takes microseconds.
  EXPECT_LT(fastest, std::chrono::milliseconds(5));
}

TEST(Wrap, BreaksAtBlanksAndIndentsTheFollowingLines) {
  EXPECT_EQ(wrap("ranks on every node that the host list names", 20, 2),
            "ranks on every node\n"
            "  that the host list\n"
            "  names");
}

TEST(Wrap, KeepsLineBreaksAndLeavesAWordThatIsTooLongAlone) {
  EXPECT_EQ(wrap("one\ntwo a-word-that-is-longer-than-a-line three", 20, 0),
            "one\ntwo\na-word-that-is-longer-than-a-line\nthree");
}

TEST(Wrap, KeepsALineThatJustFits) { EXPECT_EQ(wrap("0123456789 123456789", 20, 0), "0123456789 123456789"); }

Environment terminal() {
  Environment environment;
  environment.stderr_is_terminal = true;
  environment.terminal_columns = 80;
  return environment;
}

std::string shown(const Environment& environment, Verbosity verbosity = Verbosity::kNormal) {
  std::ostringstream stream;
  Messages messages(stream, "tool", environment, verbosity);
  messages.error(input_error("bad", "mend it"));
  messages.warning("odd");
  messages.note("by the way");
  messages.command("mpirun -np 2");
  messages.decision("two ranks");
  return stream.str();
}

TEST(Messages, ArePlainWhereStandardErrorIsNoTerminal) {
  EXPECT_EQ(shown({}),
            "tool: error: bad\nhint: mend it\n"
            "tool: warning: odd\n"
            "tool: note: by the way\n");
}

TEST(Messages, AreColouredOnATerminal) {
  EXPECT_EQ(shown(terminal()),
            "tool: \033[1;31merror:\033[0m bad\nhint: mend it\n"
            "tool: \033[1;33mwarning:\033[0m odd\n"
            "tool: \033[36mnote:\033[0m by the way\n");
}

TEST(Messages, HonourNoColorAndADumbTerminal) {
  Environment no_color = terminal();
  no_color.variables["NO_COLOR"] = "1";
  EXPECT_EQ(shown(no_color), shown({}));
  Environment dumb = terminal();
  dumb.variables["TERM"] = "dumb";
  EXPECT_EQ(shown(dumb), shown({}));
}

TEST(Messages, AnEmptyNoColorIsNotSet) {
  Environment environment = terminal();
  environment.variables["NO_COLOR"] = "";
  EXPECT_EQ(shown(environment), shown(terminal()));
}

TEST(Messages, SayAsMuchAsTheVerbosityAllows) {
  EXPECT_EQ(shown({}, Verbosity::kQuiet), "tool: error: bad\nhint: mend it\n");
  EXPECT_EQ(shown({}, Verbosity::kCommands),
            "tool: error: bad\nhint: mend it\ntool: warning: odd\ntool: note: by the way\n"
            "tool: + mpirun -np 2\n");
  EXPECT_EQ(shown({}, Verbosity::kDecisions),
            "tool: error: bad\nhint: mend it\ntool: warning: odd\ntool: note: by the way\n"
            "tool: + mpirun -np 2\ntool:   two ranks\n");
}

}  // namespace
}  // namespace shipyard
