#include "launcher/job_key.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/base64.hpp"
#include "temporary_directory.hpp"

namespace shipyard::launcher {
namespace {

namespace fs = std::filesystem;

std::string number(std::uint32_t value) {
  std::string result;
  for (int shift = 24; shift >= 0; shift -= 8) result += static_cast<char>(value >> shift & 0xFF);
  return result;
}
std::string field(const std::string& text) { return number(static_cast<std::uint32_t>(text.size())) + text; }
std::string blob(const std::string& type = "ssh-ed25519", char point = 'A') {
  return field(type) + field(std::string(32, point));
}

/// A file as ssh-keygen writes it, as far as its public half goes; no real key.
std::string key_file(const std::string& public_blob = blob(), const std::string& cipher = "none") {
  const std::string body = std::string("openssh-key-v1\0", 15) + field(cipher) +
                           field(cipher == "none" ? "none" : "bcrypt") + field("") + number(1) +
                           field(public_blob) + field("the private half");
  std::string text = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  const std::string encoded = encode_base64(body);
  for (std::size_t i = 0; i < encoded.size(); i += 70) text += encoded.substr(i, 70) + "\n";
  return text + "-----END OPENSSH PRIVATE KEY-----\n";
}
std::string public_key(char point = 'A') {
  return "ssh-ed25519 " + encode_base64(blob("ssh-ed25519", point));
}

constexpr const char* kHint =
    "make one: ssh-keygen -t ed25519 -N '' -f id_ed25519; in a variable its base64: base64 -w0 id_ed25519";

std::string refused(const std::string& text) {
  auto half = public_half(text, "/key");
  if (half) return "accepted";
  EXPECT_EQ(half.error().hint, kHint);
  return half.error().message;
}

TEST(PublicHalf, StandsInThePrivateKeyInTheClear) {
  auto half = public_half(key_file(), "/key");
  ASSERT_TRUE(half) << half.error().message;
  EXPECT_EQ(*half, public_key());
}

TEST(PublicHalf, SaysWhatIsWrongWithAKey) {
  EXPECT_EQ(refused(key_file(blob(), "aes256-ctr")), "/key has a passphrase, and nobody is there to type it");
  EXPECT_EQ(refused(key_file(blob("ssh-rsa"))), "/key is not an ed25519 key");
  EXPECT_EQ(refused(key_file(field("ssh-ed25519") + field("short"))), "/key is not an OpenSSH private key");
  EXPECT_EQ(refused(""), "/key is not an OpenSSH private key");
  EXPECT_EQ(refused("ssh-ed25519 AAAA"), "/key is not an OpenSSH private key");
  EXPECT_EQ(refused("-----END OPENSSH PRIVATE KEY----------BEGIN OPENSSH PRIVATE KEY-----"),
            "/key is not an OpenSSH private key");
  EXPECT_EQ(refused("-----BEGIN OPENSSH PRIVATE KEY-----\n!\n-----END OPENSSH PRIVATE KEY-----\n"),
            "/key is not an OpenSSH private key");
}

TEST(PublicHalf, RefusesAKeyThatIsCutOffAnywhere) {
  const std::string whole = std::string("openssh-key-v1\0", 15) + field("none") + field("none") + field("") +
                            number(1) + field(blob());
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const std::string text = "-----BEGIN OPENSSH PRIVATE KEY-----\n" + encode_base64(whole.substr(0, size)) +
                             "\n-----END OPENSSH PRIVATE KEY-----\n";
    EXPECT_EQ(public_half(text, "/key").has_value(), size == whole.size()) << size;
  }
}

class FindJobKey : public ::testing::Test {
 protected:
  void SetUp() override {
    environment_.user_id = ::geteuid();
    fs::create_directory(first_);
    fs::create_directory(second_);
  }
  static void put(const std::string& directory, const std::string& text, mode_t mode = 0600) {
    std::ofstream(directory + "/id_ed25519") << text;
    ASSERT_EQ(::chmod((directory + "/id_ed25519").c_str(), mode), 0);
  }
  void pass(const std::string& value) { environment_.secrets[kJobKeyVariable] = Secret(value); }
  [[nodiscard]] std::optional<JobKey> found(const std::string& user_file = {}) const {
    auto key = find_job_key({first_, second_}, environment_, user_file);
    EXPECT_TRUE(key) << (key ? "" : key.error().message);
    return key ? *key : std::nullopt;
  }

  ::shipyard::testing::TemporaryDirectory root_;
  std::string first_ = root_.path("first");
  std::string second_ = root_.path("second");
  Environment environment_;
};

TEST_F(FindJobKey, NoneIsNoError) { EXPECT_FALSE(found()); }

TEST_F(FindJobKey, IsWhereTheEntrypointHasPutIt) {
  put(second_, key_file());
  auto key = found();
  ASSERT_TRUE(key);
  EXPECT_EQ(key->file, second_ + "/id_ed25519");
  EXPECT_EQ(key->public_key, public_key());
  EXPECT_EQ(key->origin, "put there by the image's entrypoint");
  EXPECT_TRUE(key->private_key.empty()) << "ssh reads the file";
}

TEST_F(FindJobKey, MayBeALinkIntoMemory) {
  fs::create_directory(root_.path("memory"));
  put(root_.path("memory"), key_file());
  fs::create_symlink(root_.path("memory") + "/id_ed25519", first_ + "/id_ed25519");
  auto key = found();
  ASSERT_TRUE(key);
  EXPECT_EQ(key->file, first_ + "/id_ed25519");
}

// docker exec hands over what the container was created with; an entrypoint may have got another key since.
TEST_F(FindJobKey, TheInstalledOneIsBeforeTheEnvironments) {
  put(first_, key_file(blob("ssh-ed25519", 'B')));
  pass(encode_base64(key_file()));
  auto key = found();
  ASSERT_TRUE(key);
  EXPECT_EQ(key->public_key, public_key('B'));
}

TEST_F(FindJobKey, ComesFromTheEnvironmentWhereNoEntrypointHasRun) {
  pass(encode_base64(key_file()));
  auto key = found();
  ASSERT_TRUE(key);
  EXPECT_EQ(key->file, "");
  EXPECT_EQ(key->private_key.reveal(), key_file());
  EXPECT_EQ(key->public_key, public_key());
  EXPECT_EQ(key->origin, "SHIPYARD_SSH_KEY");
}

TEST_F(FindJobKey, RefusesAVariableThatIsNone) {
  const auto message = [&](const std::string& value) {
    pass(value);
    auto key = find_job_key({}, environment_);
    return key ? std::string("accepted") : key.error().message;
  };
  EXPECT_EQ(message(key_file()), "SHIPYARD_SSH_KEY is not base64") << "nor is a word of it printed";
  EXPECT_EQ(message("c2VjcmV0"), "SHIPYARD_SSH_KEY is not an OpenSSH private key");
  EXPECT_EQ(message(encode_base64(key_file(blob("ssh-rsa")))), "SHIPYARD_SSH_KEY is not an ed25519 key");
}

TEST_F(FindJobKey, TrustsNoDirectoryThatOthersCanWriteTo) {
  put(first_, key_file());
  ASSERT_EQ(::chmod(first_.c_str(), 0777), 0);
  EXPECT_FALSE(found());
  ASSERT_EQ(::chmod(first_.c_str(), 0755), 0);
  EXPECT_TRUE(found());
}

TEST_F(FindJobKey, TrustsNothingOfAnotherUser) {
  put(first_, key_file());
  environment_.user_id = ::geteuid() + 1;
  EXPECT_FALSE(found());
}

TEST_F(FindJobKey, TrustsNoLinkInPlaceOfItsDirectory) {
  put(first_, key_file());
  fs::create_directory_symlink(first_, root_.path("link"));
  auto key = find_job_key({root_.path("link")}, environment_);
  ASSERT_TRUE(key);
  EXPECT_FALSE(*key);
}

TEST_F(FindJobKey, TheUsersFileIsTheJobsWhereItHoldsTheSameKey) {
  put(first_, key_file());
  const auto same = root_.write("same", key_file());
  const auto other = root_.write("other", key_file(blob("ssh-ed25519", 'B')));
  auto key = found(same);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->file, same);
  EXPECT_FALSE(found(other)) << "what host keys the nodes have is not known";
  EXPECT_FALSE(found(root_.path("missing"))) << "ssh says that";
  fs::remove(first_ + "/id_ed25519");
  EXPECT_FALSE(found(same));
  pass("no base64!");
  EXPECT_FALSE(found(same)) << "a bad variable does no harm where it is not used";
}

TEST_F(FindJobKey, ThePortStandsBesideIt) {
  const auto port = [&] { return installed_ssh_port({first_, second_}, environment_.user_id); };
  EXPECT_EQ(port(), std::nullopt);
  std::ofstream(second_ + "/port") << "2323\n";
  EXPECT_EQ(port(), 2323);
  for (const char* bad : {"", "x", "0", "65536", "99999999999"}) {
    std::ofstream(second_ + "/port") << bad;
    EXPECT_EQ(port(), std::nullopt) << bad;
  }
  std::ofstream(second_ + "/port") << "2323\n";
  ASSERT_EQ(::chmod(second_.c_str(), 0777), 0);
  EXPECT_EQ(port(), std::nullopt);
}

TEST(IsEntrypoint, TellsThePreparationFromWhatItBecomes) {
  const auto is = [](std::initializer_list<const char*> words) {
    std::string line;
    for (const char* word : words) line += std::string(word) + '\0';
    return is_entrypoint(line);
  };
  EXPECT_TRUE(is({"/bin/sh", "/usr/local/bin/shipyard-entrypoint", "sshd"}));
  EXPECT_TRUE(is({"/opt/shipyard/bin/shipyard-entrypoint"}));
  EXPECT_TRUE(is({"shipyard-entrypoint", "true"}));
  EXPECT_FALSE(is({"sshd: /usr/sbin/sshd -D -e -f /run/shipyard/sshd_config [listener]"}));
  EXPECT_FALSE(is({"/usr/sbin/sshd", "-D"}));
  EXPECT_FALSE(is({"grep", "-r", "shipyard-entrypoint"}));
  EXPECT_FALSE(is({}));
}

// images/openmpi/entrypoint puts it there.
TEST(JobKeyDirectories, AreTheEntrypoints) {
  EXPECT_EQ(job_key_directories(0), std::vector<std::string>{"/run/shipyard"});
  EXPECT_EQ(job_key_directories(1000),
            (std::vector<std::string>{"/run/shipyard/1000", "/tmp/shipyard-1000"}));
}

}  // namespace
}  // namespace shipyard::launcher
