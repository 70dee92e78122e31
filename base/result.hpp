#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace shipyard {

/// The place of a fault inside a piece of text from outside: the text and the fault's first byte.
struct Excerpt {
  std::string text;
  std::size_t offset = 0;
};

/// An expected failure: what is wrong, where, and what the user can do about it. Messages begin in lower case
/// and end without a full stop; they never hold a secret.
struct Error {
  /// What the caller can do with it; every tool maps these to its exit statuses in one place.
  enum class Code {
    kInput,     ///< the user's words or data are wrong
    kSystem,    ///< the operating system refused something
    kNotFound,  ///< a program or file is not there
    kMpi,       ///< no usable MPI here
  };

  Code code = Code::kInput;
  std::string message;
  std::string hint = {};  ///< the remedy; empty where there is none
  Excerpt excerpt = {};   ///< empty text: no place to show
};

[[nodiscard]] inline Error input_error(std::string message, std::string hint = {}) {
  return {Error::Code::kInput, std::move(message), std::move(hint), {}};
}
/// strerror(error_number) as the end of a message: "connection refused".
[[nodiscard]] std::string error_words(int error_number);
/// `action: strerror(error_number)`.
[[nodiscard]] Error system_error(std::string action, int error_number, std::string hint = {});

/// A value or an Error, shaped like std::expected<T, Error> of C++23, which g++ 12 does not have.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: as std::expected
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: as std::expected

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  /// Precondition: has_value().
  [[nodiscard]] T& value() & { return assert(has_value()), *std::get_if<0>(&state_); }
  [[nodiscard]] const T& value() const& { return assert(has_value()), *std::get_if<0>(&state_); }
  [[nodiscard]] T&& value() && { return assert(has_value()), std::move(*std::get_if<0>(&state_)); }
  [[nodiscard]] T& operator*() & { return value(); }
  [[nodiscard]] const T& operator*() const& { return value(); }
  [[nodiscard]] T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  /// Precondition: !has_value().
  [[nodiscard]] Error& error() & { return assert(!has_value()), *std::get_if<1>(&state_); }
  [[nodiscard]] const Error& error() const& { return assert(!has_value()), *std::get_if<1>(&state_); }
  [[nodiscard]] Error&& error() && { return assert(!has_value()), std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value: `return Ok{};`.
using Ok = std::monostate;
using Status = Result<Ok>;

}  // namespace shipyard
