#include <iostream>

#include "launcher/run_main.hpp"

int main(int argc, char** argv) {
  return shipyard::launcher::run_main({argv + 1, argv + argc}, shipyard::Environment::capture(), std::cout,
                                      std::cerr);
}
