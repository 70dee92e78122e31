#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// The parts of a drawing of a node (launcher/topology_map.hpp).
namespace shipyard::launcher::map {

/// What the drawing is made of; each is as many columns wide as it has characters.
struct Glyphs {
  const char* border;  ///< of a cache
  const char* cut;     ///< where a cache goes on in another line
  const char* begin;   ///< of a rank over several cores
  const char* end;
  const char* fill;
  const char* from;  ///< the rank comes from another cache, or goes on there
  const char* to;
  const char* from_domain;  ///< the same for another NUMA domain
  const char* to_domain;
  const char* idle;
  const char* open;  ///< for any rank
  const char* rule;
  const char* dot;
  const char* times;
  const char* dots;
};
[[nodiscard]] const Glyphs& glyphs(bool unicode);

inline constexpr const char* kDim = "2";
inline constexpr const char* kBold = "1";

/// Columns of text of our own.
[[nodiscard]] int width_of(std::string_view text);

/// Text from outside: bytes that a terminal would act on, or show wider than a column, become `?`.
[[nodiscard]] std::string printable(std::string_view text);

[[nodiscard]] std::string repeated(const char* glyph, int count);

/// Items in as many lines as they need, broken between them; one that is too long by itself is broken at
/// blanks, and a word that is too long is shortened.
[[nodiscard]] std::vector<std::string> flow(const std::vector<std::string>& items,
                                            const std::string& separator, int columns, const Glyphs& glyphs);

/// Numbers in the kernel's list format with strides (taskset(1)): "0-5", "0-14:2", "0,64"; `values`
/// ascending.
[[nodiscard]] std::string list_text(const std::vector<int>& values);
/// "2 cores"
[[nodiscard]] std::string count_text(std::size_t count, std::string_view what);
/// "ranks 0-3"
[[nodiscard]] std::string ranks_text(const std::vector<int>& ranks);
/// "12.6 GiB"
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

/// "Intel(R) Xeon(R) Platinum 8168 CPU @ 2.70GHz" is known as Intel Xeon Platinum 8168. The number of cores
/// in a model's name is the whole chip's, which the cores of a virtual machine are not.
[[nodiscard]] std::string short_model(const std::string& model);

/// "L3", "L2", or what stands for a cache where there is none.
[[nodiscard]] const char* cache_name(int level);

/// A line that knows its width on the screen, colours apart.
class Line {
 public:
  explicit Line(bool colour) : colour_(colour) {}

  /// `colour`: parameters of the escape sequence SGR (ECMA-48), as "1".
  void put(std::string_view text, const char* colour = nullptr);
  void pad_to(int column);
  [[nodiscard]] int width() const { return width_; }
  /// Without blanks at the end, with a line feed.
  [[nodiscard]] std::string text() const;

 private:
  bool colour_;
  int width_ = 0;
  std::string text_;
};

}  // namespace shipyard::launcher::map
