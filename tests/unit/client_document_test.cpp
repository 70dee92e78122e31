#include "batch/client/document.hpp"

#include <gmock/gmock.h>

#include "client_errors.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;
using testing::shown;

Result<Node> parse(const std::string& text) { return parse_document({"job.yaml", text}); }

json as_json_of(const std::string& text) {
  const auto node = parse(text);
  return node ? as_json(*node) : json("failed: " + node.error().message);
}

TEST(ParseDocument, NodesKnowTheirPlaceAndTheirForm) {
  const auto node = parse("a: one\nb:\n  - 'two'\n  - {c: \"\"}\nd:\ne: ~\nf: |\n  text\n");
  ASSERT_TRUE(node);
  ASSERT_EQ(node->kind, Node::Kind::kMapping);
  ASSERT_EQ(node->entries.size(), 5u);
  EXPECT_EQ(node->entries[1].key, "b");
  EXPECT_EQ(node->entries[1].line, 2);
  EXPECT_EQ(node->entries[1].column, 1);
  const Node* a = node->find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->text, "one");
  EXPECT_FALSE(a->quoted);
  EXPECT_EQ(a->line, 1);
  EXPECT_EQ(a->column, 4);
  const Node* b = node->find("b");
  ASSERT_EQ(b->items.size(), 2u);
  EXPECT_TRUE(b->items[0].quoted);
  EXPECT_EQ(b->items[0].line, 3);
  EXPECT_EQ(b->items[0].column, 5);
  const Node* c = b->items[1].find("c");
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->kind, Node::Kind::kScalar);
  EXPECT_EQ(c->text, "");
  // Nothing has no place of its own: it is where its key is.
  EXPECT_EQ(node->find("d")->kind, Node::Kind::kNull);
  EXPECT_EQ(node->find("d")->line, 5);
  EXPECT_EQ(node->find("e")->kind, Node::Kind::kNull);
  EXPECT_EQ(node->find("f")->text, "text\n");
  EXPECT_TRUE(node->find("f")->quoted);
  EXPECT_EQ(node->find("g"), nullptr);
}

TEST(ParseDocument, JsonIsYamlToo) {
  const json wanted = {{"a", {1, 2.5, true, nullptr, "x"}}, {"b", {{"c", "1"}}}};
  EXPECT_EQ(as_json_of(wanted.dump()), wanted);
  EXPECT_EQ(as_json_of(wanted.dump(2)), wanted);
}

TEST(ParseDocument, NothingIsNull) {
  for (const char* text : {"", "# a comment\n", "---\n", "null", "~"}) {
    const auto node = parse(text);
    ASSERT_TRUE(node) << text;
    EXPECT_EQ(node->kind, Node::Kind::kNull) << text;
  }
}

TEST(ParseDocument, AnAliasStandsForItsAnchor) {
  EXPECT_EQ(as_json_of("a: &x [1, 2]\nb: *x\n"), json({{"a", {1, 2}}, {"b", {1, 2}}}));
}

TEST(ParseDocument, SaysWhereItIsNoYaml) {
  EXPECT_EQ(shown(parse("a: 1\nb: [1, 2\n")),
            "t: error: job.yaml:3: no YAML: end of sequence flow not found\n");
  EXPECT_EQ(shown(parse("a: 1\n  b: 2\n")),
            "t: error: job.yaml:2: no YAML: illegal map value\n"
            "    b: 2\n"
            "     ^\n");
  const auto anchor = parse("a: *nobody\n");
  ASSERT_FALSE(anchor);
  // Some versions of yaml-cpp say which anchor.
  EXPECT_EQ(anchor.error().message.rfind("job.yaml:1: no YAML: the referenced anchor is not defined", 0), 0u)
      << anchor.error().message;
  EXPECT_EQ(anchor.error().excerpt.text, "a: *nobody");
  EXPECT_EQ(anchor.error().excerpt.offset, 3u);
}

TEST(ParseDocument, RefusesWhatWouldBeReadInTwoWays) {
  EXPECT_EQ(shown(parse("pool: a\nimage: b\npool: c\n")),
            "t: error: job.yaml:3: 'pool' is given twice\n"
            "  pool: c\n"
            "  ^\n");
  EXPECT_EQ(shown(parse("a: 1\n---\nb: 2\n")),
            "t: error: job.yaml:2: something begins here that does not belong to what is above it\n"
            "  ---\n"
            "  ^\n"
            "hint: one file is one document: without '---' in between, and without a stray ',' or bracket\n");
  EXPECT_EQ(shown(parse("? [1, 2]\n: x\n")),
            "t: error: job.yaml:1: a key that is no word\n"
            "  ? [1, 2]\n"
            "    ^\n");
}

TEST(ParseDocument, RefusesWhatWouldFillTheMemoryOrTheStack) {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) laughs += (k == 0 ? "*a" : ", *a") + std::to_string(i - 1);
    laughs += "]\n";
  }
  const auto many = parse(laughs);
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().message,
            "job.yaml:1: too much of it: aliases that stand for aliases, or nested too deep");
  EXPECT_EQ(shown(parse(std::string(5000, '['))), "t: error: job.yaml: nested too deep\n");
  std::string dashes;
  for (int i = 0; i < 5000; ++i) dashes += "- ";
  EXPECT_FALSE(parse(dashes + "x"));
  const std::string open(70, '[');
  const auto deep = parse(open + std::string(70, ']'));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().message,
            "job.yaml:1: too much of it: aliases that stand for aliases, or nested too deep");
  EXPECT_TRUE(parse(std::string(60, '[') + std::string(60, ']')));
}

TEST(ErrorAt, ShowsTheLineAndTheColumn) {
  const Source source{"f", "one\r\ntwo three\nfour"};
  EXPECT_EQ(format_error("t", error_at(source, 2, 5, "wrong", "remedy")),
            "t: error: f:2: wrong\n  two three\n      ^\nhint: remedy\n");
  EXPECT_EQ(format_error("t", error_at(source, 1, 99, "wrong")), "t: error: f:1: wrong\n  one\n     ^\n");
  EXPECT_EQ(format_error("t", error_at(source, 3, 1, "wrong")), "t: error: f:3: wrong\n  four\n  ^\n");
  EXPECT_EQ(format_error("t", error_at(source, 9, 1, "wrong")), "t: error: f:9: wrong\n");
  EXPECT_EQ(format_error("t", error_at(source, 0, 0, "wrong")), "t: error: f: wrong\n");
}

TEST(AsJson, UnquotedWordsAndNumbersAreThese) {
  EXPECT_EQ(as_json_of("[true, True, FALSE, false, null, ~, 'true', \"4\", yes, No]"),
            json({true, true, false, false, nullptr, nullptr, "true", "4", "yes", "No"}));
  EXPECT_EQ(as_json_of("[0, -7, +7, 0770, 9223372036854775807, 1.5, -1e3, 1., '1']"),
            json({0, -7, 7, 770, 9223372036854775807, 1.5, -1000.0, 1.0, "1"}));
}

TEST(AsJson, WhatOnlyLooksLikeANumberIsText) {
  for (const char* text : {"1a", "0x10", "inf", "nan", "nan(1)", "+-5", "++5", "+", "-e", "1_000", "1 2",
                           "1e999", ".inf", "2204:latest", "12:30"}) {
    EXPECT_EQ(as_json_of(text), json(text));
  }
}

TEST(IsUtf8, TakesWhatRfc3629Does) {
  for (const char* good : {"", "a", "\xc2\xb6", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xef\xbf\xbf",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const char* bad : {"\xb6", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xe2\x82"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
}

TEST(ParseDocument, TextInAnotherEncodingHasItsLine) {
  const auto document = parse_document({"job.yaml",
                                        "a: b\nimage: \xfc"
                                        "ber\nc: d\n"});
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().message, "job.yaml:2: this line is no UTF-8 text");
  EXPECT_EQ(document.error().hint, "`iconv -t UTF-8` converts a file in another encoding");
}

TEST(ParseDocument, AStrayCommaIsAnErrorAndNoEndlessList) {
  const auto document = parse_document({"job.yaml", ", 3i po_A, 3i "});
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().message,
            "job.yaml:1: something begins here that does not belong to what is above it");
}

}  // namespace
}  // namespace shipyard::batch
