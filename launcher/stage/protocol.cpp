#include "launcher/stage/protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace shipyard::launcher::stage {
namespace {

using nlohmann::json;

constexpr std::array<const char*, 3> kVerbs = {"look", "receive", "collect"};

std::string dump(const json& value) { return value.dump(-1, ' ', true); }

/// Paths may hold any byte but 0, and JSON has no bytes: each goes as the character of its number.
std::string as_characters(const std::string& bytes) {
  std::string text;
  for (const char letter : bytes) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x80) {
      text += letter;
    } else {
      text += static_cast<char>(0xc0 | byte >> 6);
      text += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return text;
}

/// nullopt where `text` holds a character that is no byte.
std::optional<std::string> as_bytes(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      bytes += text[i];
    } else if ((byte & 0xfc) == 0xc0 && i + 1 < text.size()) {
      bytes += static_cast<char>(byte << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f));
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

/// Nothing where it is missing or of another type.
template <typename T>
T field(const json& object, const char* name, T otherwise = {}) {
  const auto found = object.find(name);
  if (found == object.end()) return otherwise;
  if constexpr (std::is_same_v<T, bool>) {
    return found->is_boolean() ? found->get<bool>() : otherwise;
  } else if constexpr (std::is_unsigned_v<T>) {
    return found->is_number_unsigned() ? found->get<T>() : otherwise;
  } else {
    return found->is_string() ? as_bytes(found->template get<T>()).value_or(otherwise) : otherwise;
  }
}

Result<json> object_in(std::string_view text, const char* what) {
  if (text.size() > kLongestLine) return input_error(fmt::format("{} is too long", what));
  auto object = json::parse(text, nullptr, false);
  if (!object.is_object()) return input_error(fmt::format("{} is no JSON object", what));
  return object;
}

json as_json(const Place& place) {
  return {{"boot", as_characters(place.boot)},
          {"type", as_characters(place.type)},
          {"source", as_characters(place.source)},
          {"path", as_characters(place.path)},
          {"device", place.device},
          {"inode", place.inode}};
}

Place place_in(const json& object, const char* name) {
  const auto place = object.find(name);
  if (place == object.end() || !place->is_object()) return {};
  return {field<std::string>(*place, "boot"),     field<std::string>(*place, "type"),
          field<std::string>(*place, "source"),   field<std::string>(*place, "path"),
          field<std::uint64_t>(*place, "device"), field<std::uint64_t>(*place, "inode")};
}

}  // namespace

std::string format_request(const Request& request) {
  std::vector<std::string> patterns;
  for (const auto& pattern : request.patterns) patterns.push_back(as_characters(pattern));
  return dump({{"verb", kVerbs[static_cast<std::size_t>(request.verb)]},
               {"directory", as_characters(request.directory)},
               {"digest", request.digest},
               {"patterns", patterns},
               {"other_than", as_json(request.other_than)}}) +
         "\n";
}

Result<Request> parse_request(std::string_view line) {
  auto object = object_in(line.substr(0, line.find('\n')), "the request");
  if (!object) return object.error();
  Request request;
  const auto verb = std::find(kVerbs.begin(), kVerbs.end(), field<std::string>(*object, "verb"));
  if (verb == kVerbs.end()) return input_error("the request has no verb that is known");
  request.verb = static_cast<Request::Verb>(verb - kVerbs.begin());
  request.directory = field<std::string>(*object, "directory");
  if (!request.directory.starts_with('/')) return input_error("the request's directory is not absolute");
  request.digest = field<std::string>(*object, "digest");
  request.other_than = place_in(*object, "other_than");
  if (const auto patterns = object->find("patterns"); patterns != object->end() && patterns->is_array()) {
    for (const auto& pattern : *patterns) {
      auto bytes = pattern.is_string() ? as_bytes(pattern.get<std::string>()) : std::nullopt;
      if (!bytes) return input_error("a pattern of the request is no text");
      request.patterns.push_back(std::move(*bytes));
    }
  }
  return request;
}

std::string format_answer(const Answer& answer) {
  return std::string(kAnswerMark) +
         dump({{"problem", as_characters(answer.problem)},
               {"remedy", as_characters(answer.remedy)},
               {"is_there", answer.is_there},
               {"has_all", answer.has_all},
               {"place", as_json(answer.place)},
               {"below", as_characters(answer.below)},
               {"free_bytes", answer.free_bytes},
               {"free_inodes", answer.free_inodes},
               {"matches", answer.matches}}) +
         "\n";
}

Result<Answer> parse_answer(std::string_view output) {
  const auto mark = output.rfind(kAnswerMark);
  if (mark == std::string_view::npos || (mark > 0 && output[mark - 1] != '\n'))
    return input_error("the node has not answered");
  output.remove_prefix(mark + kAnswerMark.size());
  auto object = object_in(output.substr(0, output.find('\n')), "the answer");
  if (!object) return object.error();
  Answer answer;
  answer.problem = field<std::string>(*object, "problem");
  answer.remedy = field<std::string>(*object, "remedy");
  answer.is_there = field<bool>(*object, "is_there");
  answer.has_all = field<bool>(*object, "has_all");
  answer.below = field<std::string>(*object, "below");
  answer.free_bytes = field<std::uint64_t>(*object, "free_bytes");
  answer.free_inodes = field<std::uint64_t>(*object, "free_inodes");
  answer.matches = field<std::uint64_t>(*object, "matches");
  answer.place = place_in(*object, "place");
  return answer;
}

}  // namespace shipyard::launcher::stage
