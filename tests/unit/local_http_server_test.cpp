#include "batch/local/service/http_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "temporary_directory.hpp"

namespace shipyard::local {
namespace {

using ::testing::HasSubstr;

/// A connection to a port of this machine.
class Peer {
 public:
  explicit Peer(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  [[nodiscard]] bool connected() const { return connected_; }
  void send(const std::string& text) const {
    (void)::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  /// All until `end` has come, or the other side has closed.
  std::string receive(const std::string& end) const {
    std::string text;
    char c = 0;
    while (!text.ends_with(end) && ::recv(fd_.get(), &c, 1, 0) == 1) text += c;
    return text;
  }

 private:
  FileDescriptor fd_;
  bool connected_ = false;
};

std::unique_ptr<HttpServer> start(HttpServer::Handler handler) {
  auto server = HttpServer::start("127.0.0.1", 0, std::move(handler));
  return server ? std::move(*server) : nullptr;
}

HttpResponse echo(const HttpRequest& request) {
  HttpResponse response;
  response.headers = {{"Content-Type", "text/x-test"}, {"X-Base", request.base}};
  response.body = request.method + " " + request.path + " ? " + request.query + " | " + request.body + ".";
  return response;
}

TEST(LocalHttpServer, HandsOnThePathAsItCame) {
  const auto server = start(echo);
  ASSERT_NE(server, nullptr);
  const Peer peer(server->port());
  peer.send("GET /jobs/a%2Fb%0A/c?x=%20&y HTTP/1.1\r\nHost: localhost:8\r\n\r\n");
  const std::string first = peer.receive(" | .");
  EXPECT_THAT(first, HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(first, HasSubstr("X-Base: http://localhost:8\r\n"));
  EXPECT_THAT(first, HasSubstr("Content-Type: text/x-test\r\n"));
  EXPECT_THAT(first, HasSubstr("GET /jobs/a%2Fb%0A/c ? x=%20&y | ."));
  // The same connection; Range means nothing here.
  peer.send("GET /long HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=0-1\r\n\r\n");
  const std::string second = peer.receive(" | .");
  EXPECT_THAT(second, HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(second, HasSubstr("X-Base: http://127.0.0.1\r\n"));
  EXPECT_THAT(second, HasSubstr("GET /long ?  | ."));
}

TEST(LocalHttpServer, AnswersWhoMeansThisMachineAlone) {
  const auto server = start(echo);
  ASSERT_NE(server, nullptr);
  const Peer peer(server->port());
  for (const char* host : {"evil.example:80", "127.0.0.1.evil.example", "[::2]", "10.0.0.4", "", "[::1"}) {
    peer.send(std::string("GET /x HTTP/1.1\r\nHost: ") + host + "\r\n\r\n");
    EXPECT_THAT(peer.receive("machine\n"), HasSubstr("HTTP/1.1 421 ")) << host;
  }
  for (const char* host : {"localhost", "127.0.0.1:8", "[::1]:8", "127.1.2.3"}) {
    peer.send(std::string("GET /x HTTP/1.1\r\nHost: ") + host + "\r\n\r\n");
    EXPECT_THAT(peer.receive(" | ."), HasSubstr("HTTP/1.1 200 ")) << host;
  }
}

TEST(LocalHttpServer, ReadsBodiesOfEachMethod) {
  const auto server = start(echo);
  ASSERT_NE(server, nullptr);
  const Peer peer(server->port());
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    peer.send(std::string(method) + " /x HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 4\r\n\r\nbody");
    EXPECT_THAT(peer.receive("body."), HasSubstr(std::string(method) + " /x ?  | body."));
    peer.send(std::string(method) + " /x HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 0\r\n\r\n");
    EXPECT_THAT(peer.receive(" | ."), HasSubstr(std::string(method) + " /x ?  | ."));
  }
  // Without a length there is no body to wait for.
  peer.send("POST /x HTTP/1.1\r\nHost: [::1]\r\n\r\n");
  EXPECT_THAT(peer.receive(" | ."), HasSubstr("POST /x ?  | ."));
}

TEST(LocalHttpServer, TellsTheLengthToAHeadAndSendsPartsOfFiles) {
  const shipyard::testing::TemporaryDirectory directory;
  const std::string text = std::string(200'000, 'x') + "end";
  const auto fd =
      std::make_shared<FileDescriptor>(::open(directory.write("f", text).c_str(), O_RDONLY | O_CLOEXEC));
  const auto server = start([&](const HttpRequest& request) {
    HttpResponse response;
    response.headers = {{"Content-Type", "application/octet-stream"}};
    response.file = request.path == "/empty" ? FilePart{fd, 0, 0} : FilePart{fd, 100'000, 100'003};
    return response;
  });
  ASSERT_NE(server, nullptr);
  const Peer peer(server->port());
  peer.send("HEAD /part HTTP/1.1\r\nHost: [::1]\r\n\r\n");
  EXPECT_THAT(peer.receive("\r\n\r\n"), HasSubstr("Content-Length: 100003\r\n"));
  peer.send("GET /empty HTTP/1.1\r\nHost: [::1]\r\n\r\n");
  EXPECT_THAT(peer.receive("\r\n\r\n"), HasSubstr("Content-Length: 0\r\n"));
  peer.send("GET /part HTTP/1.1\r\nHost: [::1]\r\n\r\n");
  const std::string whole = peer.receive("xend");
  EXPECT_EQ(whole.substr(whole.find("\r\n\r\n") + 4), text.substr(100'000));
}

TEST(LocalHttpServer, RefusesWhatIsTooLong) {
  const auto server = start(echo);
  ASSERT_NE(server, nullptr);
  const Peer peer(server->port());
  peer.send("GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: [::1]\r\n\r\n");
  EXPECT_THAT(peer.receive("\r\n\r\n"), HasSubstr("HTTP/1.1 414 "));
}

TEST(LocalHttpServer, ProgramsThatAreStartedMeanwhileGetNoConnection) {
  const auto server = start([](const HttpRequest& /*request*/) {
    int inherited = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const auto kind = std::filesystem::read_symlink(entry.path(), gone).string();
      const int flags = ::fcntl(std::stoi(entry.path().filename().string()), F_GETFD);
      if (kind.starts_with("socket:") && flags >= 0 && (flags & FD_CLOEXEC) == 0) ++inherited;
    }
    HttpResponse response;
    response.headers = {{"Content-Type", "text/plain"}};
    response.body = std::to_string(inherited) + " inherited.";
    return response;
  });
  ASSERT_NE(server, nullptr);
  const Peer peer(server->port());
  peer.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(peer.receive("."), HasSubstr("HTTP/1."));
  EXPECT_THAT(peer.receive("inherited."), HasSubstr("\r\n0 inherited."));
}

TEST(LocalHttpServer, APortIsOneServices) {
  const auto server = start(echo);
  ASSERT_NE(server, nullptr);
  const auto second = HttpServer::start("127.0.0.1", server->port(), echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "cannot listen at 127.0.0.1, port " + std::to_string(server->port()));
}

TEST(LocalHttpServer, StopsAndLeavesThePort) {
  std::uint16_t port = 0;
  for (int i = 0; i < 3; ++i) {
    const auto server = start(echo);
    ASSERT_NE(server, nullptr);
    port = server->port();
    if (i > 0) {
      EXPECT_TRUE(Peer(port).connected());
    }
    server->stop();
    server->stop();
  }
  EXPECT_FALSE(Peer(port).connected());
}

TEST(LocalHttpServer, OthersAreLetInWithAKeyOfTheirOwnAlone) {
  const Secret own("b3du");
  const Secret known(kWellKnownKey);
  EXPECT_TRUE(may_listen_at("127.0.0.1", known));
  EXPECT_TRUE(may_listen_at("127.9.9.9", known));
  EXPECT_TRUE(may_listen_at("::1", known));
  EXPECT_TRUE(may_listen_at("0.0.0.0", own));
  for (const char* address : {"0.0.0.0", "10.0.0.4", "::"}) {
    const auto refused = may_listen_at(address, known);
    ASSERT_FALSE(refused) << address;
    EXPECT_EQ(
        refused.error().message,
        std::string("at ") + address + " others could run programs here: the service needs a key of its own");
  }
  EXPECT_FALSE(may_listen_at("0.0.0.0", Secret()));
  EXPECT_EQ(may_listen_at("localhost", own).error().message, "'localhost' is not an address");
}

}  // namespace
}  // namespace shipyard::local
