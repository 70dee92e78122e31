#include "bench/pair.hpp"

namespace shipyard::bench {
namespace {

constexpr int kTag = 0;
constexpr int kReplyTag = 1;

}  // namespace

Result<Selection> select_pair(const Placement& placement, const Options& options) {
  const auto pair = choose_pair(placement, options.pair);
  if (!pair) return pair.error();
  return Selection{.ranks = {pair->first, pair->second},
                   .title = "pair",
                   .description = describe_pair(placement, *pair),
                   .notes = sharing_notes(placement, {pair->first, pair->second}),
                   .between_nodes = placement[pair->first].node != placement[pair->second].node};
}

void round_trips(const Station& station, int peer, bool first, std::int64_t bytes, std::int64_t iterations) {
  const int count = static_cast<int>(bytes);
  if (first) {
    for (std::int64_t i = 0; i < iterations; ++i) {
      MPI_Send(station.send.at(i), count, MPI_BYTE, peer, kTag, station.comm);
      MPI_Recv(station.receive.at(i), count, MPI_BYTE, peer, kTag, station.comm, MPI_STATUS_IGNORE);
    }
  } else {
    for (std::int64_t i = 0; i < iterations; ++i) {
      MPI_Recv(station.receive.at(i), count, MPI_BYTE, peer, kTag, station.comm, MPI_STATUS_IGNORE);
      MPI_Send(station.send.at(i), count, MPI_BYTE, peer, kTag, station.comm);
    }
  }
}

void send_windows(const Station& station, int peer, bool sends, std::int64_t bytes, std::int64_t iterations) {
  const int count = static_cast<int>(bytes);
  char reply = 0;
  for (std::int64_t i = 0; i < iterations; ++i) {
    for (int w = 0; w < station.window; ++w) {
      const std::int64_t place = i * station.window + w;
      if (sends) {
        MPI_Isend(station.send.at(place), count, MPI_BYTE, peer, kTag, station.comm, station.requests + w);
      } else {
        MPI_Irecv(station.receive.at(place), count, MPI_BYTE, peer, kTag, station.comm, station.requests + w);
      }
    }
    MPI_Waitall(station.window, station.requests, MPI_STATUSES_IGNORE);
    if (sends) {
      MPI_Recv(&reply, 1, MPI_BYTE, peer, kReplyTag, station.comm, MPI_STATUS_IGNORE);
    } else {
      MPI_Send(&reply, 1, MPI_BYTE, peer, kReplyTag, station.comm);
    }
  }
}

std::int64_t wrong_from(const Station& station, int peer, std::int64_t bytes, int count) {
  std::int64_t wrong = 0;
  for (std::size_t place = 0; place <= station.receive.mask && place < static_cast<std::size_t>(count);
       ++place)
    wrong += count_wrong(station.receive.at(static_cast<std::int64_t>(place)),
                         message_source(peer, static_cast<std::int64_t>(place)), bytes);
  return wrong;
}

}  // namespace shipyard::bench
