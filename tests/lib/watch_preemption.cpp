// Prints what PreemptionWatch has to say, a line each, until the preemption comes:
//
//   watch_preemption URL

#include <fmt/format.h>
#include <poll.h>

#include "launcher/preempt/preemption_watch.hpp"

using namespace shipyard::preempt;  // NOLINT

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto service = parse_metadata_url(argv[1]);
  if (!service) return 2;
  auto watch = PreemptionWatch::start({.service = *service});
  if (!watch) return 1;
  while (true) {
    pollfd polled{watch->fd(), POLLIN, 0};
    ::poll(&polled, 1, -1);
    const auto news = watch->take();
    if (!news.problem.empty()) fmt::print("problem: {}\n", news.problem);
    if (news.preemption) {
      fmt::print("{} {} at {}: {}\n", event_type_name(news.preemption->type), news.preemption->event_id,
                 news.preemption->not_before ? news.preemption->not_before->time_since_epoch().count() : 0,
                 news.preemption->description);
      return 0;
    }
    std::fflush(stdout);
  }
}
