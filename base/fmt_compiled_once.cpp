// {fmt}, compiled once. Debian's package has the headers and a shared library, no static one: with its header-only form
// every source file compiles the formatting anew, half of the time that a build takes, and with the shared library
// each tool, shipyard-rank on foreign nodes among them, would need it where it runs.
//
// What is instantiated here is what {fmt} 9 and 10 declare extern in their headers (fmt/format.h, fmt/core.h: every
// `extern template`, and thousands_sep_impl and decimal_point_impl, which its inline functions call).
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {
template FMT_API auto dragonbox::to_decimal(float x) noexcept -> dragonbox::decimal_fp<float>;
template FMT_API auto dragonbox::to_decimal(double x) noexcept -> dragonbox::decimal_fp<double>;
template FMT_API locale_ref::locale_ref(const std::locale& locale);
template FMT_API auto locale_ref::get<std::locale>() const -> std::locale;
template FMT_API auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
template FMT_API void buffer<char>::append(const char*, const char*);
template FMT_API void vformat_to(buffer<char>&, string_view, basic_format_args<buffer_context<char>>, locale_ref);
}  // namespace detail
FMT_END_NAMESPACE
