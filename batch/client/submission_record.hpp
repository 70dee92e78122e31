#pragma once

#include <optional>
#include <string>

#include "base/environment.hpp"
#include "base/file_descriptor.hpp"
#include "base/result.hpp"

namespace shipyard::batch {

/// What is kept on this machine of a submission until its end is known, so that a client that was killed and
/// is started again goes on with the same job in place of making a second one. One file a job,
/// $XDG_STATE_HOME/shipyard-submit/JOB.json (~/.local/state), without secrets; locked while its client lives.
class SubmissionRecord {
 public:
  struct Content {
    std::string job;
    std::string endpoint;
    std::string content;  ///< Submission::content
    std::string file;     ///< job file, absolute
  };

  /// A record of an earlier client that is gone and asked for the same, by endpoint, file and content; it is
  /// ours then.
  static std::optional<SubmissionRecord> find_abandoned(const Environment& environment,
                                                        const Content& wanted);
  /// A new one, on disk when this returns.
  static Result<SubmissionRecord> create(const Environment& environment, const Content& content);

  [[nodiscard]] const Content& content() const { return content_; }
  /// The end is known: the file goes.
  void finish();

 private:
  SubmissionRecord(std::string path, FileDescriptor file, Content content)
      : path_(std::move(path)), file_(std::move(file)), content_(std::move(content)) {}

  std::string path_;
  FileDescriptor file_;
  Content content_;
};

}  // namespace shipyard::batch
