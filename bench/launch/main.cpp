#include <chrono>
#include <iostream>
#include <string_view>

#include "base/environment.hpp"
#include "base/signals.hpp"
#include "bench/launch/launch_tool.hpp"
#include "bench/launch/probe.hpp"

int main(int argc, char** argv) {
  const auto begin = std::chrono::steady_clock::now();
  using namespace shipyard;
  if (argc > 1 && std::string_view(argv[1]) == bench::kProbeWord) return bench::run_probe(begin, argc, argv);
  ignore_broken_pipes();
  return bench::run_launches(std::vector<std::string>(argv + 1, argv + argc), Environment::capture(),
                             std::cout, std::cerr);
}
