#include <iostream>

#include "base/environment.hpp"
#include "base/signals.hpp"
#include "hostfile/tool.hpp"

int main(int argc, char** argv) {
  shipyard::ignore_broken_pipes();
  return shipyard::hostfile::run_main(std::vector<std::string>(argv + 1, argv + argc),
                                      shipyard::Environment::capture(), std::cout, std::cerr);
}
