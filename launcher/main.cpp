#include <unistd.h>

#include <iostream>
#include <ostream>

#include "base/output.hpp"
#include "launcher/job_key.hpp"
#include "launcher/run_main.hpp"

int main(int argc, char** argv) {
  using namespace shipyard;
  // Before anything else: `docker exec` hands over the variables that the container was created with.
  const Environment environment = Environment::capture({launcher::kJobKeyVariable});
  PatientOutput errors(STDERR_FILENO);
  std::ostream err(&errors);
  return launcher::run_main({argv + 1, argv + argc}, environment, std::cout, err);
}
