#include <iostream>

#include "base/environment.hpp"
#include "base/signals.hpp"
#include "bench/compare/compare_tool.hpp"

int main(int argc, char** argv) {
  shipyard::ignore_broken_pipes();
  return shipyard::bench::run_compare(std::vector<std::string>(argv + 1, argv + argc),
                                      shipyard::Environment::capture(), std::cout, std::cerr);
}
