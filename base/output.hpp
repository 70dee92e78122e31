#pragma once

#include <chrono>
#include <streambuf>
#include <string>
#include <string_view>

namespace shipyard {

/// True where a write of PIPE_BUF bytes to `fd` would not block, also since nobody is left to read.
[[nodiscard]] bool is_writable(int fd);

/// Waits for that, at most for `limit`.
[[nodiscard]] bool becomes_writable(int fd, std::chrono::milliseconds limit);

/// Writes all of it; the errno where that failed, else 0. Blocks while a reader does not read, also where
/// somebody has set the file to non-blocking.
int write_all(int fd, std::string_view text);

/// A stream's end at a file of this process. A reader that does not read is waited for, but not by somebody
/// who is to end: where SIGTERM, SIGINT, SIGHUP or SIGQUIT is pending for this process, which has blocked it,
/// or after hurry_output(), what is not taken within a second is dropped. What has been written goes out with
/// a flush.
class PatientOutput : public std::streambuf {
 public:
  explicit PatientOutput(int fd) : fd_(fd) {}
  PatientOutput(const PatientOutput&) = delete;
  PatientOutput& operator=(const PatientOutput&) = delete;
  ~PatientOutput() override { sync(); }

 protected:
  int_type overflow(int_type character) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  int fd_;
  std::string pending_;
};

/// From now on no PatientOutput of this process waits for its reader for long.
void hurry_output();

}  // namespace shipyard
