#include <iostream>

#include "batch/local/run_main.hpp"

int main(int argc, char** argv) {
  return shipyard::local::run_main({argv + 1, argv + argc}, shipyard::Environment::capture(), std::cout,
                                   std::cerr);
}
