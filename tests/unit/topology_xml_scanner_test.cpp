#include "launcher/topology/xml_scanner.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace shipyard::topology {
namespace {

/// Elements with their attributes in order, indented; the place of a fault at the end.
std::string outline(std::string_view xml) {
  std::string text;
  XmlScanner scanner(xml);
  while (const auto tag = scanner.next()) {
    text += std::string(tag->depth, '.') + std::string(tag->name);
    for (const auto& [name, value] : tag->attributes) text += fmt::format(" {}={}", name, value);
    text += ";";
  }
  if (scanner.fault()) text += fmt::format("fault at {}", *scanner.fault());
  return text;
}

TEST(XmlScanner, GoesThroughElementsAndAttributes) {
  EXPECT_EQ(outline("<?xml version=\"1.0\"?>\n<!DOCTYPE a SYSTEM \"a.dtd\">\n<!-- <x> -->\n"
                    "<a b=\"1\" c = '2\"'>\n <d e=\"\"/>text<f ></f>\n</a >\n<!-- end -->\n"),
            "a b=1 c=2\";.d e=;.f;");
  EXPECT_EQ(outline("\xEF\xBB\xBF<a/>"), "a;");
}

TEST(XmlScanner, FindsAnAttributeByItsName) {
  const XmlTag tag{"object", {{"complete_cpuset", "0x1"}, {"cpuset", "0x3"}}, 0};
  EXPECT_EQ(tag.attribute("cpuset"), "0x3");
  EXPECT_EQ(tag.attribute("set"), "");
}

TEST(XmlScanner, FindsTagsThatDoNotMatch) {
  EXPECT_EQ(outline("<a><b></a>"), "a;.b;fault at 6");
  EXPECT_EQ(outline("<a></a></a>"), "a;fault at 7");
  EXPECT_EQ(outline("<a><b/>"), "a;.b;fault at 7");
  EXPECT_EQ(outline("<a/><b/>"), "a;fault at 4");
}

TEST(XmlScanner, FindsTagsThatAreNotWhole) {
  for (const std::string tag :
       {"<b", "<b c", "<b c=", "<b c=1/>", "<b c=\"1/>", "<b c=\"1\"d=\"2\"/>", "<b c=\"1\" c=\"2\"/>",
        "<b c=\"<\"/>", "<b =\"1\"/>", "<b / >", "< b/>", "<>", "<!-- ", "<?x ", "<!DOCTYPE x>", "</"})
    EXPECT_EQ(outline("<a>" + tag), "a;fault at 3") << tag;
}

TEST(XmlScanner, FindsTextOutsideOfTheRootElement) {
  EXPECT_EQ(outline("hello"), "fault at 0");
  EXPECT_EQ(outline("<a/>\n x"), "a;fault at 6");
  EXPECT_EQ(outline(""), "fault at 0");
}

}  // namespace
}  // namespace shipyard::topology
