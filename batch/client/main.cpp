#include <iostream>

#include "batch/client/run_main.hpp"
#include "batch/client/sign_in.hpp"

int main(int argc, char** argv) {
  return shipyard::batch::run_main({argv + 1, argv + argc},
                                   shipyard::Environment::capture(shipyard::batch::secret_variables()),
                                   std::cout, std::cerr);
}
