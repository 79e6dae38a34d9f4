// docs/bad_inputs.md says which test shows the outcome of which bad input: the tests must be there.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace tarn {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(BadInputs, EveryTestThatThePageNamesIsThere) {
  const std::filesystem::path source = TARN_SOURCE_DIR;
  std::set<std::string> tests;
  const std::regex definition(R"(TEST(?:_F)?\((\w+), (\w+)\))"), java_definition(R"(public void (\w+)\(\))");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source / "tests")) {
    const std::string extension = entry.path().extension(), stem = entry.path().stem();
    if (extension == ".test" || extension == ".js") tests.insert(entry.path().filename());
    if (extension != ".cc" && extension != ".java") continue;
    std::string text = text_of(entry.path());
    for (std::sregex_iterator it(text.begin(), text.end(), java_definition), end; extension == ".java" && it != end;
         ++it)
      tests.insert(stem + "." + (*it)[1].str());
    for (std::sregex_iterator it(text.begin(), text.end(), definition), end; it != end; ++it)
      tests.insert((*it)[1].str() + "." + (*it)[2].str());
  }
  ASSERT_GT(tests.size(), 500u);

  std::string page = text_of(source / "docs" / "bad_inputs.md");
  std::set<int> rows;
  const std::regex row(R"(\n\| (\d+) \|)"), named(R"(`([A-Za-z]\w*\.[A-Za-z]\w+)`)");
  for (std::sregex_iterator it(page.begin(), page.end(), row), end; it != end; ++it) rows.insert(std::stoi((*it)[1]));
  for (std::sregex_iterator it(page.begin(), page.end(), named), end; it != end; ++it) {
    std::string name = (*it)[1].str();
    if (name == "Suite.Name" || name == "x.test") continue;
    EXPECT_TRUE(tests.contains(name)) << name;
  }

  std::set<int> expected = {118};
  for (int i = 33; i <= 54; ++i) expected.insert(i);
  for (int i = 95; i <= 114; ++i) expected.insert(i);
  for (int i = 120; i <= 150; ++i) expected.insert(i);
  EXPECT_EQ(rows, expected);
}

}  // namespace
}  // namespace tarn
