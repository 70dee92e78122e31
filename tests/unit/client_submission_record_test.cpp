#include "batch/client/submission_record.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "client_errors.hpp"
#include "temporary_directory.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;
using shipyard::testing::TemporaryDirectory;
using testing::shown;

const SubmissionRecord::Content kContent{"job-1", "https://a.example", "0123", "/home/u/job.yaml"};

Environment environment_of(const TemporaryDirectory& directory) {
  Environment environment;
  environment.variables = {{"XDG_STATE_HOME", directory.path()}, {"HOME", "/nowhere"}};
  return environment;
}

/// As a client leaves it that was killed.
void abandon(const TemporaryDirectory& directory, const SubmissionRecord::Content& content = kContent) {
  const auto record = SubmissionRecord::create(environment_of(directory), content);
  ASSERT_TRUE(record) << shown(record);
}

std::string found(const TemporaryDirectory& directory, const SubmissionRecord::Content& wanted) {
  const auto record = SubmissionRecord::find_abandoned(environment_of(directory), wanted);
  return record ? record->content().job : "(none)";
}

TEST(SubmissionRecord, IsAFileWithoutSecretsForItsOwnerAlone) {
  const TemporaryDirectory directory;
  abandon(directory);
  EXPECT_EQ(json::parse(directory.read("shipyard-submit/job-1.json")),
            json({{"job", "job-1"},
                  {"endpoint", "https://a.example"},
                  {"content", "0123"},
                  {"file", "/home/u/job.yaml"}}));
  struct stat status {};
  ASSERT_EQ(::stat(directory.path("shipyard-submit/job-1.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(SubmissionRecord, AnAbandonedOneIsFoundWhateverItsJobIsCalled) {
  const TemporaryDirectory directory;
  abandon(directory);
  EXPECT_EQ(found(directory, {"", kContent.endpoint, kContent.content, kContent.file}), "job-1");
}

TEST(SubmissionRecord, OneOfAnotherSubmissionIsNot) {
  const TemporaryDirectory directory;
  abandon(directory);
  EXPECT_EQ(found(directory, {"", "https://b.example", kContent.content, kContent.file}), "(none)");
  EXPECT_EQ(found(directory, {"", kContent.endpoint, "4567", kContent.file}), "(none)");
  EXPECT_EQ(found(directory, {"", kContent.endpoint, kContent.content, "/home/u/other.yaml"}), "(none)");
}

TEST(SubmissionRecord, OneWhoseClientLivesIsNot) {
  const TemporaryDirectory directory;
  const auto record = SubmissionRecord::create(environment_of(directory), kContent);
  ASSERT_TRUE(record);
  EXPECT_EQ(found(directory, kContent), "(none)");
  EXPECT_EQ(shown(SubmissionRecord::create(environment_of(directory), kContent)),
            "t: error: another shipyard-submit is at work on job 'job-1'\n"
            "hint: shipyard-submit logs --follow job-1 stays with it too\n");
  EXPECT_EQ(json::parse(directory.read("shipyard-submit/job-1.json"))["content"], "0123") << "left as it is";
}

TEST(SubmissionRecord, WhoFindsOneHoldsIt) {
  const TemporaryDirectory directory;
  abandon(directory);
  const auto record = SubmissionRecord::find_abandoned(environment_of(directory), kContent);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->content().endpoint, kContent.endpoint);
  EXPECT_EQ(record->content().content, kContent.content);
  EXPECT_EQ(record->content().file, kContent.file);
  EXPECT_EQ(found(directory, kContent), "(none)");
}

TEST(SubmissionRecord, OneThatIsBrokenIsPassedOver) {
  const TemporaryDirectory directory;
  abandon(directory);
  directory.write("shipyard-submit/a.json", "{\"job\": \"jo");
  directory.write("shipyard-submit/b.json", "");
  directory.write("shipyard-submit/c.json", "[]");
  directory.write(
      "shipyard-submit/d.json",
      R"({"job": 5, "endpoint": "https://a.example", "content": "0123", "file": "/home/u/job.yaml"})");
  directory.write(
      "shipyard-submit/e.txt",
      R"({"job": "e", "endpoint": "https://a.example", "content": "0123", "file": "/home/u/job.yaml"})");
  std::filesystem::create_symlink("job-1.json", directory.path("shipyard-submit/f.json"));
  std::filesystem::create_directory(directory.path("shipyard-submit/g.json"));
  EXPECT_EQ(found(directory, kContent), "job-1");
}

TEST(SubmissionRecord, ItGoesWhenTheEndIsKnown) {
  const TemporaryDirectory directory;
  auto record = SubmissionRecord::create(environment_of(directory), kContent);
  ASSERT_TRUE(record);
  record->finish();
  EXPECT_FALSE(std::filesystem::exists(directory.path("shipyard-submit/job-1.json")));
  EXPECT_EQ(found(directory, kContent), "(none)");
}

TEST(SubmissionRecord, ANewOneOfTheSameIdTakesThePlaceOfAnOldOne) {
  const TemporaryDirectory directory;
  abandon(directory,
          {"job-1", "https://a-much-longer-endpoint.example", "0123456789", "/a/much/longer/name"});
  abandon(directory);
  EXPECT_EQ(json::parse(directory.read("shipyard-submit/job-1.json"))["endpoint"], "https://a.example");
}

TEST(SubmissionRecord, ItsPlaceIsThatOfXdgOrBelowHome) {
  const TemporaryDirectory directory;
  Environment environment;
  EXPECT_EQ(shown(SubmissionRecord::create(environment, kContent)),
            "t: error: neither XDG_STATE_HOME nor HOME is set\n");
  EXPECT_FALSE(SubmissionRecord::find_abandoned(environment, kContent));
  environment.variables = {{"HOME", directory.path()}};
  EXPECT_FALSE(SubmissionRecord::find_abandoned(environment, kContent)) << "there is no directory yet";
  EXPECT_TRUE(SubmissionRecord::create(environment, kContent));
  EXPECT_TRUE(std::filesystem::exists(directory.path(".local/state/shipyard-submit/job-1.json")));
  environment.variables = {{"HOME", directory.write("file", "")}};
  EXPECT_EQ(shown(SubmissionRecord::create(environment, kContent)),
            "t: error: '" + directory.path("file/.local/state/shipyard-submit") +
                "' cannot be made: Not a directory\n");
}

}  // namespace
}  // namespace shipyard::batch
