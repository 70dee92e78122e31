#include "launcher/topology/placement.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "launcher/topology/apportion.hpp"

namespace shipyard::topology {
namespace {

using Level = Domain::Level;
using Parts = std::vector<const Domain*>;

int most(const Domain& domain, int size) { return std::min(domain.size / size, domain.rank_limit); }

Parts parts_of(const Domain& domain) {
  Parts result;
  for (const auto& child : domain.children) result.push_back(&child);
  return result;
}

/// Ranks that `parts` take when each stays inside one part or owns several neighbours whole.
/// `owns_several`: how it came to more than the first way alone would give.
int fit_whole(const Parts& parts, int size, int* inside_only) {
  std::vector<int> best(parts.size() + 1, 0);
  *inside_only = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const int inside = most(*parts[i], size);
    *inside_only += inside;
    best[i + 1] = best[i] + inside;
    int sum = parts[i]->size;
    for (std::size_t first = i; first-- > 0;) {
      sum += parts[first]->size;
      if (sum < size) continue;
      best[i + 1] = std::max(best[i + 1], best[first] + 1);
      break;
    }
  }
  return best.back();
}

/// `count` neighbours from `first` on, for so many ranks: 0 or more in one part, or one that owns several.
struct Piece {
  std::size_t first = 0;
  std::size_t count = 1;
  int ranks = 0;
};

/// The most even way to give whole parts to ranks: the sum over the ranks of the square of what each owns is
/// least; a part that is left idle costs more than any other way. Dynamic programming over parts and ranks.
std::vector<Piece> divide_whole(const Parts& parts, int ranks, int size) {
  const std::size_t count = parts.size();
  const auto wanted = static_cast<std::size_t>(ranks);
  constexpr double kNever = std::numeric_limits<double>::infinity();
  struct State {
    double cost = kNever;
    Piece last = {};
  };
  const double total = std::accumulate(parts.begin(), parts.end(), 0.0,
                                       [](double sum, const Domain* part) { return sum + part->size; });
  std::vector<std::vector<State>> states(count + 1, std::vector<State>(wanted + 1));
  states[0][0].cost = 0;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t placed = 0; placed <= wanted; ++placed) {
      if (states[i][placed].cost == kNever) continue;
      const auto offer = [&](std::size_t parts_used, std::size_t more, double cost) {
        State& target = states[i + parts_used][placed + more];
        const double sum = states[i][placed].cost + cost;
        if (sum < target.cost) target = {sum, {i, parts_used, static_cast<int>(more)}};
      };
      const double own = parts[i]->size;
      offer(1, 0, total * total + own);
      const auto inside = static_cast<std::size_t>(most(*parts[i], size));
      for (std::size_t more = 1; more <= inside && placed + more <= wanted; ++more)
        offer(1, more, own * own / static_cast<double>(more));
      double sum = own;
      for (std::size_t used = 2; i + used <= count && placed < wanted; ++used) {
        sum += parts[i + used - 1]->size;
        if (sum >= size) offer(used, 1, sum * sum);
      }
    }
  }
  std::vector<Piece> pieces;
  for (std::size_t i = count, placed = wanted; i > 0;) {
    const Piece piece = states[i][placed].last;
    pieces.push_back(piece);
    i = piece.first;
    placed -= static_cast<std::size_t>(piece.ranks);
  }
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

/// `wanted` units from several parts, as even as their sizes allow; the first parts get one more.
void take_evenly(const Parts& parts, int wanted, std::vector<int>& units) {
  std::vector<int> taken(parts.size(), 0);
  for (int left = wanted; left > 0;) {
    int open = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) open += taken[i] < parts[i]->size ? 1 : 0;
    const int share = std::max(1, left / open);
    for (std::size_t i = 0; i < parts.size() && left > 0; ++i) {
      const int more = std::min({share, parts[i]->size - taken[i], left});
      taken[i] += more;
      left -= more;
    }
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i]->children.empty()) {
      take_evenly(parts_of(*parts[i]), taken[i], units);
    } else {
      for (int unit = 0; unit < taken[i]; ++unit) units.push_back(parts[i]->first + unit);
    }
  }
}

class Placer {
 public:
  /// `whole_ranks` on `whole_units`: the rate at which ranks are dealt out. `confined`: every rank inside a
  /// NUMA domain.
  Placer(int whole_ranks, int whole_units, int size, bool confined)
      : whole_ranks_(whole_ranks), whole_units_(whole_units), size_(size), confined_(confined) {}

  void place(const Domain& domain, int ranks) {
    if (ranks == 0) return;
    const Parts parts = parts_of(domain);
    if (parts.empty()) return place_side_by_side(domain, ranks);
    std::vector<int> weights;
    std::vector<int> limits;
    for (const Domain* part : parts) {
      weights.push_back(part->size);
      limits.push_back(capacity(*part));
    }
    int inside_only = 0;
    if (std::accumulate(limits.begin(), limits.end(), std::int64_t{0}) >= ranks) {
      const auto counts =
          apportion(ranks, weights, limits, whole_ranks_, whole_units_,
                    domain.level == Level::kNuma ? Rest::kLeastLoaded : Rest::kLargestRemainder);
      for (std::size_t i = 0; i < parts.size(); ++i) place(*parts[i], counts[i]);
    } else if (fit_whole(parts, size_, &inside_only) >= ranks) {
      place_whole(parts, ranks);
    } else if (domain.level == Level::kMachine && place_over_domains(domain, ranks)) {
    } else {
      place_side_by_side(domain, ranks);
    }
  }

  Places take() { return std::move(places_); }

 private:
  [[nodiscard]] int capacity(const Domain& domain) const {
    if (!confined_ || domain.level >= Level::kNuma) return most(domain, size_);
    return std::accumulate(domain.children.begin(), domain.children.end(), 0,
                           [&](int sum, const Domain& part) { return sum + capacity(part); });
  }

  void place_whole(const Parts& parts, int ranks) {
    for (const Piece& piece : divide_whole(parts, ranks, size_)) {
      if (piece.count == 1) {
        place(*parts[piece.first], piece.ranks);
        continue;
      }
      const auto begin = parts.begin() + static_cast<long>(piece.first);
      take_evenly(Parts(begin, begin + static_cast<long>(piece.count)), size_, places_.emplace_back());
    }
  }

  /// NUMA domains of neighbouring packages, whole.
  bool place_over_domains(const Domain& machine, int ranks) {
    Parts domains;
    for (const auto& package : machine.children)
      for (const auto& domain : package.children) domains.push_back(&domain);
    int inside_only = 0;
    if (fit_whole(domains, size_, &inside_only) < ranks) return false;
    place_whole(domains, ranks);
    return true;
  }

  /// Where parts do not hold whole ranks: those that fit stay inside a part, what is left over makes the
  /// others, so that as few as possible share their caches with a neighbour.
  void place_side_by_side(const Domain& domain, int ranks) {
    Places chosen;
    std::vector<int> left;
    const auto fill = [&](int first, int count) {
      int unit = first;
      for (; unit + size_ <= first + count && static_cast<int>(chosen.size()) < ranks; unit += size_) {
        auto& units = chosen.emplace_back(static_cast<std::size_t>(size_));
        std::iota(units.begin(), units.end(), unit);
      }
      for (; unit < first + count; ++unit) left.push_back(unit);
    };
    if (domain.children.empty() || domain.level < Level::kNuma) {
      fill(domain.first, domain.size);
    } else {
      for (const auto& part : domain.children) fill(part.first, part.size);
    }
    // From the end: a domain's last cache is the one that may be smaller.
    while (static_cast<int>(chosen.size()) < ranks) {
      chosen.emplace_back(left.end() - size_, left.end());
      left.resize(left.size() - static_cast<std::size_t>(size_));
    }
    std::sort(chosen.begin(), chosen.end());
    places_.insert(places_.end(), chosen.begin(), chosen.end());
  }

  int whole_ranks_;
  int whole_units_;
  int size_;
  bool confined_;
  Places places_;
};

std::int64_t most_inside(const Parts& parts, int size) {
  return std::accumulate(parts.begin(), parts.end(), std::int64_t{0},
                         [&](std::int64_t sum, const Domain* part) { return sum + most(*part, size); });
}

Parts numa_domains(const Domain& machine) {
  Parts result;
  for (const auto& package : machine.children)
    for (const auto& domain : package.children) result.push_back(&domain);
  return result;
}

/// How many of `ranks` each part gets where nothing else limits it than its units and its memory.
std::vector<int> shares(const Parts& parts, int ranks, int whole_ranks, int whole_units) {
  std::vector<int> weights;
  std::vector<int> limits;
  for (const Domain* part : parts) {
    weights.push_back(part->size);
    int limit = most(*part, 1);
    if (part->level == Level::kPackage) {
      limit = std::accumulate(part->children.begin(), part->children.end(), 0,
                              [](int sum, const Domain& domain) { return sum + most(domain, 1); });
    }
    limits.push_back(limit);
  }
  return apportion(ranks, weights, limits, whole_ranks, whole_units);
}

/// The largest size at or below `split` that keeps whole parts at an acceptable price, or 0.
int largest_whole(const std::vector<std::pair<Parts, int>>& groups, int split) {
  for (int size = split; size > 0 && 4 * size >= 3 * split; --size) {
    bool fits = true;
    bool owns_several = false;
    for (const auto& [parts, ranks] : groups) {
      int inside_only = 0;
      fits = fits && fit_whole(parts, size, &inside_only) >= ranks;
      owns_several = owns_several || inside_only < ranks;
    }
    if (fits && (!owns_several || 8 * size >= 7 * split)) return size;
  }
  return 0;
}

}  // namespace

std::optional<Places> place_ranks(const DomainTree& tree, int ranks, int size) {
  const Parts domains = numa_domains(tree.machine);
  const bool confined = most_inside(domains, size) >= ranks;
  const bool one_is_large_enough = most_inside(domains, size) > 0;
  if (!confined && one_is_large_enough && !tree.memory_spans_packages &&
      ranks >= static_cast<int>(domains.size()))
    return std::nullopt;
  if (static_cast<std::int64_t>(ranks) * size > tree.machine.size) return std::nullopt;
  Placer placer(ranks, tree.machine.size, size, confined);
  placer.place(tree.machine, ranks);
  return placer.take();
}

std::optional<Places> place_inside(const Domain& domain, int ranks, int size) {
  if (static_cast<std::int64_t>(ranks) * size > domain.size) return std::nullopt;
  Placer placer(ranks, domain.size, size, false);
  placer.place(domain, ranks);
  return placer.take();
}

int largest_size(const std::vector<std::pair<const Domain*, int>>& domains, int limit) {
  int split = limit;
  std::vector<std::pair<Parts, int>> groups;
  for (const auto& [domain, ranks] : domains) {
    if (ranks == 0) continue;
    split = std::min(split, domain->size / ranks);
    groups.emplace_back(domain->children.empty() ? Parts{domain} : parts_of(*domain), ranks);
  }
  const int whole = largest_whole(groups, split);
  return whole > 0 ? whole : split;
}

int largest_size(const DomainTree& tree, int ranks, int limit) {
  const Domain& machine = tree.machine;
  if (ranks > machine.size) return 0;
  const Parts packages = parts_of(machine);
  const Parts domains = numa_domains(machine);
  if (most_inside(domains, 1) < ranks) return 0;
  std::vector<std::pair<const Domain*, int>> groups;
  if (ranks >= static_cast<int>(packages.size())) {
    const auto of_packages = shares(packages, ranks, ranks, machine.size);
    for (std::size_t i = 0; i < packages.size(); ++i) {
      if (ranks < static_cast<int>(domains.size())) {
        groups.emplace_back(packages[i], of_packages[i]);
        continue;
      }
      const Parts inside = parts_of(*packages[i]);
      const auto of_domains = shares(inside, of_packages[i], ranks, machine.size);
      for (std::size_t k = 0; k < inside.size(); ++k) groups.emplace_back(inside[k], of_domains[k]);
    }
    return largest_size(groups, limit);
  }
  const int split = std::min(limit, machine.size / ranks);
  int size = largest_whole({{packages, ranks}}, split);
  if (size == 0) size = largest_whole({{domains, ranks}}, split);
  return size > 0 ? size : split;
}

int most_ranks(const DomainTree& tree, int size, int limit) {
  const Parts domains = numa_domains(tree.machine);
  std::int64_t in_domains = most_inside(domains, size);
  if (in_domains == 0) {
    in_domains = most_inside(parts_of(tree.machine), size);
    if (in_domains == 0) in_domains = tree.machine.size / size;
    return static_cast<int>(std::min<std::int64_t>(in_domains, limit));
  }
  std::int64_t in_caches = 0;
  for (const Domain* domain : domains) {
    const Parts caches = domain->children.empty() ? Parts{domain} : parts_of(*domain);
    in_caches += std::min<std::int64_t>(most_inside(caches, size), domain->rank_limit);
  }
  const std::int64_t best = 4 * in_caches >= 3 * in_domains ? in_caches : in_domains;
  return static_cast<int>(std::min<std::int64_t>(best, limit));
}

}  // namespace shipyard::topology
