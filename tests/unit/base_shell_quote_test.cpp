#include "base/shell_quote.hpp"

#include <gtest/gtest.h>

#include "base/subprocess.hpp"

namespace shipyard {
namespace {

TEST(ShellQuote, LeavesPlainWordsAlone) {
  EXPECT_EQ(
      shell_quote(std::vector<std::string>{"mpirun", "-np", "4", "--mca", "btl", "^openib", "/opt/a.out"}),
      "mpirun -np 4 --mca btl ^openib /opt/a.out");
}

TEST(ShellQuote, QuotesWhatAShellWouldTouch) {
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quote("$HOME"), "'$HOME'");
  EXPECT_EQ(shell_quote("~root"), "'~root'");
}

TEST(ShellQuote, ARealShellReadsEveryByteBack) {
  std::vector<std::string> words{"",   "-n",  "a b",  "it's", "'",  "\"$(id)\"", "`id`",
                                 "*",  "~",   "a\nb", "#x",   "!1", "{a,b}",     "a;b&c|d>e<f",
                                 "\\", "\\n", "ä€",   "a=b",  "^x"};
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  words.push_back(all);
  std::string expected;
  for (const auto& word : words) expected += word + '\0';
  auto done =
      run({.argv = {"/bin/sh", "-c", "for w in " + shell_quote(words) + "; do printf '%s\\0' \"$w\"; done"},
           .environment = {"PATH=/usr/bin:/bin"}},
          std::chrono::seconds(10));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->errors, "");
  EXPECT_EQ(done->output, expected);
}

}  // namespace
}  // namespace shipyard
