#include "launcher/preempt/preemption_watch.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>
#include <deque>
#include <mutex>
#include <thread>

#include "base/file_descriptor.hpp"
#include "base/socket_address.hpp"

namespace shipyard::preempt {
namespace {

using std::chrono::milliseconds;

constexpr const char* kName = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nvm_0";
constexpr const char* kBusy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";

std::string answer(const std::string& events) {
  const std::string body = R"({"DocumentIncarnation":1,"Events":[)" + events + "]}";
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const char* const kPreempt =
    R"({"EventId":"e1","EventStatus":"Scheduled","EventType":"Preempt","Resources":["vm_0"],)"
    R"("NotBefore":"Mon, 19 Sep 2016 18:29:47 GMT","Description":"gone"})";

/// Gives its answers in turn, the last one again and again; an empty one is never given: the connection
/// stays.
class Service {
 public:
  explicit Service(std::deque<std::string> answers) : answers_(std::move(answers)) {
    const SocketAddress local(*parse_address("127.0.0.1"), 0);
    listener_ = FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(listener_.get(), local.get(), local.size()), 0);
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    options_.service = {*parse_address("127.0.0.1"), port_of(reinterpret_cast<const sockaddr&>(bound))};
    options_.interval = options_.interval_after_problem = milliseconds(1);
    thread_ = std::thread([this] { run(); });
  }
  ~Service() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  [[nodiscard]] const WatchOptions& options() const { return options_; }
  [[nodiscard]] std::string url() const { return to_url(options_.service); }
  /// What was asked, without the header fields.
  std::deque<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void run() {
    std::deque<FileDescriptor> held;
    while (true) {
      FileDescriptor fd(::accept(listener_.get(), nullptr, nullptr));
      if (!fd) return;
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t size = ::recv(fd.get(), buffer, sizeof buffer, 0);
        if (size <= 0) break;
        request.append(buffer, static_cast<std::size_t>(size));
      }
      if (request.empty()) continue;  // cancelled
      EXPECT_NE(request.find("\r\nMetadata: true\r\n"), std::string::npos) << request;
      const std::lock_guard lock(mutex_);
      requests_.push_back(request.substr(0, request.find("\r\n")));
      const std::string words = answers_.front();
      if (answers_.size() > 1) answers_.pop_front();
      if (words.empty()) {
        held.push_back(std::move(fd));
      } else {
        ::send(fd.get(), words.data(), words.size(), MSG_NOSIGNAL);
      }
    }
  }

  WatchOptions options_;
  FileDescriptor listener_;
  std::mutex mutex_;
  std::deque<std::string> answers_;
  std::deque<std::string> requests_;
  std::thread thread_;
};

PreemptionWatch started(const WatchOptions& options) {
  auto watch = PreemptionWatch::start(options);
  EXPECT_TRUE(watch);
  return std::move(*watch);
}

WatchNews next_news(PreemptionWatch& watch) {
  pollfd polled{watch.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&polled, 1, 20'000), 1) << "no news";
  return watch.take();
}

TEST(PreemptionWatch, TellsTheEventOfThisMachine) {
  Service service({kName, answer(""), answer(""), answer(kPreempt)});
  auto watch = started(service.options());
  const auto news = next_news(watch);
  ASSERT_TRUE(news.preemption);
  EXPECT_EQ(*news.preemption, (Preemption{ScheduledEvent::Type::kPreempt, "e1", "gone",
                                          parse_http_date("Mon, 19 Sep 2016 18:29:47 GMT")}));
  EXPECT_EQ(news.problem, "");
  EXPECT_EQ(watch.failures(), 0);
  EXPECT_EQ(service.requests(),
            (std::deque<std::string>{
                "GET /metadata/instance/compute/name?api-version=2021-02-01&format=text HTTP/1.1",
                "GET /metadata/scheduledevents?api-version=2020-07-01 HTTP/1.1",
                "GET /metadata/scheduledevents?api-version=2020-07-01 HTTP/1.1",
                "GET /metadata/scheduledevents?api-version=2020-07-01 HTTP/1.1"}));
  // Once.
  pollfd polled{watch.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&polled, 1, 0), 0);
  EXPECT_FALSE(watch.take().preemption);
}

TEST(PreemptionWatch, AServiceThatPausesIsNoProblem) {
  Service service({kBusy, kName, kBusy, kBusy, kBusy, answer(""), kBusy, answer(kPreempt)});
  auto watch = started(service.options());
  const auto news = next_news(watch);
  EXPECT_TRUE(news.preemption);
  EXPECT_EQ(news.problem, "");
  EXPECT_EQ(watch.failures(), 5);
}

TEST(PreemptionWatch, TellsAProblemOnceAndGoesOn) {
  Service service(
      {kName, kBusy, kBusy, kBusy, kBusy, kBusy, kBusy, kBusy, kBusy, kBusy, kBusy, kBusy, answer(kPreempt)});
  auto watch = started(service.options());
  auto news = next_news(watch);
  EXPECT_EQ(news.problem,
            service.url() + ": answers 503 to GET /metadata/scheduledevents?api-version=2020-07-01");
  // They may have come together.
  if (!news.preemption) {
    news = next_news(watch);
    EXPECT_EQ(news.problem, "");
  }
  EXPECT_TRUE(news.preemption);
  EXPECT_EQ(watch.failures(), 11);
}

TEST(PreemptionWatch, SaysWhereThereIsNoService) {
  WatchOptions options;
  {
    Service gone({kName});
    options = gone.options();
  }
  auto watch = started(options);
  EXPECT_EQ(next_news(watch).problem, to_url(options.service) + ": Connection refused");
}

TEST(PreemptionWatch, SaysThatNoAnswerComes) {
  Service service({kName, answer(""), ""});
  WatchOptions options = service.options();
  options.limits.answer = milliseconds(20);
  auto watch = started(options);
  EXPECT_EQ(next_news(watch).problem, service.url() + ": no answer in time");
}

TEST(PreemptionWatch, TheFirstAnswerMayTakeLonger) {
  Service service({kName, answer(kPreempt)});
  WatchOptions options = service.options();
  options.limits.answer = milliseconds(0);  // for all that come after
  auto watch = started(options);
  EXPECT_TRUE(next_news(watch).preemption);
}

TEST(PreemptionWatch, SaysThatTheAnswerIsNone) {
  Service service({"SSH-2.0-OpenSSH_9.2\r\n"});
  auto watch = started(service.options());
  EXPECT_EQ(next_news(watch).problem, service.url() + ": HTTP answer: no HTTP/1 status line");
}

TEST(PreemptionWatch, EndsWhileItWaitsForTheFirstAnswer) {
  Service service({""});
  auto watch = started(service.options());
  // Hangs for two minutes and a half where the end is not noticed.
}

TEST(PreemptionWatch, LeavesSignalsToTheOtherThreads) {
  sigset_t mine, former;
  sigemptyset(&mine);
  sigaddset(&mine, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &mine, &former);
  Service service({""});  // its thread has it blocked
  ::pthread_sigmask(SIG_UNBLOCK, &mine, nullptr);
  auto watch = started(service.options());
  ::pthread_sigmask(SIG_BLOCK, &mine, nullptr);
  // Were it delivered to the watch's thread, it would end this process.
  ::kill(::getpid(), SIGUSR1);
  const timespec limit{.tv_sec = 20, .tv_nsec = 0};
  EXPECT_EQ(::sigtimedwait(&mine, nullptr, &limit), SIGUSR1);
  ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
}

}  // namespace
}  // namespace shipyard::preempt
