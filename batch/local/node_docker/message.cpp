#include "batch/local/node_docker/message.hpp"

#include <cstring>

namespace shipyard::local::node_docker {
namespace {

enum class Kind : char { kRequest = 'R', kSignalled = 'S', kRemark = 'T', kEnded = 'E' };

template <typename Number>
void put(std::string& bytes, Number number) {
  char raw[sizeof number];
  std::memcpy(raw, &number, sizeof number);
  bytes.append(raw, sizeof number);
}

void put(std::string& bytes, const std::string& text) {
  put(bytes, static_cast<std::uint32_t>(text.size()));
  bytes += text;
}

void put(std::string& bytes, const std::vector<std::string>& texts) {
  put(bytes, static_cast<std::uint32_t>(texts.size()));
  for (const auto& text : texts) put(bytes, text);
}

/// Takes fields off; good() tells whether all were there.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}

  template <typename Number>
  Number number() {
    Number value = 0;
    if (bytes_.size() < sizeof value) {
      good_ = false;
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }

  std::string text() {
    const auto size = number<std::uint32_t>();
    if (bytes_.size() < size) good_ = false;
    if (!good_) return {};
    std::string value(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return value;
  }

  /// Strings for execve(2): without a byte 0.
  std::string word() {
    std::string value = text();
    good_ = good_ && value.find('\0') == std::string::npos;
    return value;
  }

  std::vector<std::string> words() {
    std::vector<std::string> all;
    for (auto count = number<std::uint32_t>(); good_ && count > 0; --count) all.push_back(word());
    return all;
  }

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return good_ && bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool good_ = true;
};

Error not_ours() { return input_error("what came over the socket is no message of shipyard-node-docker"); }

Result<Message> decode(std::string_view bytes) {
  Fields fields(bytes.substr(1));
  Message message;
  switch (static_cast<Kind>(bytes[0])) {
    case Kind::kRequest: {
      Request request;
      request.arguments = fields.words();
      request.working_directory = fields.word();
      request.environment = fields.words();
      request.files = fields.number<std::uint32_t>();
      if (request.files > kMostFiles) return not_ours();
      message = std::move(request);
      break;
    }
    case Kind::kSignalled:
      message = Signalled{fields.number<std::int32_t>()};
      break;
    case Kind::kRemark:
      message = Remark{fields.text()};
      break;
    case Kind::kEnded: {
      const auto signalled = fields.number<std::uint8_t>();
      if (signalled > 1) return not_ours();
      message = Ended{signalled == 1, fields.number<std::int32_t>()};
      break;
    }
    default:
      return not_ours();
  }
  if (!fields.at_end()) return not_ours();
  return message;
}

}  // namespace

std::string encode(const Message& message) {
  std::string bytes;
  if (const auto* request = std::get_if<Request>(&message)) {
    bytes += static_cast<char>(Kind::kRequest);
    put(bytes, request->arguments);
    put(bytes, request->working_directory);
    put(bytes, request->environment);
    put(bytes, request->files);
  } else if (const auto* signalled = std::get_if<Signalled>(&message)) {
    bytes += static_cast<char>(Kind::kSignalled);
    put(bytes, signalled->number);
  } else if (const auto* remark = std::get_if<Remark>(&message)) {
    bytes += static_cast<char>(Kind::kRemark);
    put(bytes, remark->text);
  } else if (const auto* ended = std::get_if<Ended>(&message)) {
    bytes += static_cast<char>(Kind::kEnded);
    put(bytes, static_cast<std::uint8_t>(ended->signalled ? 1 : 0));
    put(bytes, ended->value);
  }
  std::string framed;
  put(framed, static_cast<std::uint32_t>(bytes.size()));
  return framed + bytes;
}

Result<std::optional<Message>> take_message(std::string& bytes) {
  std::uint32_t size = 0;
  if (bytes.size() < sizeof size) return std::optional<Message>();
  std::memcpy(&size, bytes.data(), sizeof size);
  if (size == 0 || size > kLongestMessage) return not_ours();
  if (bytes.size() - sizeof size < size) return std::optional<Message>();
  auto message = decode(std::string_view(bytes).substr(sizeof size, size));
  if (!message) return message.error();
  bytes.erase(0, sizeof size + size);
  return std::optional<Message>(std::move(*message));
}

}  // namespace shipyard::local::node_docker
