#include "batch/client/shipyard_config_shell.hpp"

#include <gtest/gtest.h>

namespace shipyard::batch {
namespace {

using Words = std::vector<std::string>;

TEST(ShipyardConfigShell, WordsKeepTheirQuotes) {
  EXPECT_EQ(shell_words("  -x 'a b'c \"d $(e f)\" \\  $(g \"h i\") `j k` "),
            (Words{"-x", "'a b'c", "\"d $(e f)\"", "\\ ", "$(g \"h i\")", "`j k`"}));
  EXPECT_EQ(shell_words(" \n"), Words{});
  EXPECT_EQ(shell_words("it's open"), (Words{"it's open"}));
}

TEST(ShipyardConfigShell, QuotesAreTakenOffWhereNothingIsReplaced) {
  EXPECT_EQ(unquoted("a'b c'\"d\\\"e\"\\ f"), "ab cd\"e f");
  EXPECT_EQ(unquoted("$HOME/x"), "$HOME/x");
  for (const char* word : {"$(id)", "`id`", "\"$(id)\"", "'$HOME'", "'open"})
    EXPECT_FALSE(unquoted(word)) << word;
}

TEST(ShipyardConfigShell, FindsACalledProgram) {
  EXPECT_TRUE(calls_program("bash -c \"/opt/bin/mpirun -n 2\"", "mpirun"));
  EXPECT_TRUE(calls_program("mpirun", "mpirun"));
  for (const char* text : {"shipyard-mpirun ./a", "mpirun.sh", "/opt/mpirun/x", "mpirunner", ""})
    EXPECT_FALSE(calls_program(text, "mpirun")) << text;
}

TEST(ShipyardConfigShell, FindsNamesOnce) {
  EXPECT_EQ(names_with_prefix("$SHIPYARD_B ${SHIPYARD_A} MY_SHIPYARD_C $SHIPYARD_B", "SHIPYARD_"),
            (Words{"SHIPYARD_B", "SHIPYARD_A"}));
}

}  // namespace
}  // namespace shipyard::batch
