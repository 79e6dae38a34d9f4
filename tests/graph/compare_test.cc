#include "graph/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/graph_text.h"

namespace tarn {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

// A comparison in names.
struct Names {
  std::vector<std::string> gone, added;
  std::vector<std::pair<std::string, std::string>> renamed;
  std::vector<std::pair<std::string, std::vector<std::string>>> changed;
};

Names compare(std::string_view first_text, std::string_view second_text, const CompareOptions& options = {}) {
  Graph first = graph_of(first_text), second = graph_of(second_text);
  GraphComparison comparison = compare_graphs(first, second, options);
  Names names;
  for (NodeId id : comparison.only_first) names.gone.push_back(first.node(id).name);
  for (NodeId id : comparison.only_second) names.added.push_back(second.node(id).name);
  for (auto [a, b] : comparison.renamed) names.renamed.emplace_back(first.node(a).name, second.node(b).name);
  for (const GraphChange& change : comparison.changed) {
    names.changed.emplace_back(first.node(change.first).name, change.what);
  }
  return names;
}

void expect_same(const Names& names) {
  EXPECT_THAT(names.gone, IsEmpty());
  EXPECT_THAT(names.added, IsEmpty());
  EXPECT_THAT(names.renamed, IsEmpty());
  EXPECT_THAT(names.changed, IsEmpty());
}

constexpr std::string_view kModel = R"(x: f32[?,2] = Placeholder
w: f32[2,2] = {1, 2, 3, 4}
y: f32[?,2] = MatMul(x, w)
z: f32[?,2] = Relu(y)
)";

TEST(CompareGraphs, TheOrderOfNodesDoesNotCount) {
  expect_same(compare(kModel, kModel));
  expect_same(compare(kModel, R"(z: f32[?,2] = Relu(y)
w: f32[2,2] = {1, 2, 3, 4}
y: f32[?,2] = MatMul(x, w)
x: f32[?,2] = Placeholder
)"));
}

TEST(CompareGraphs, SaysWhatIsGoneAndWhatIsNew) {
  Names names = compare(kModel, R"(x: f32[?,2] = Placeholder
w: f32[2,2] = {1, 2, 3, 4}
y: f32[?,2] = MatMul(x, w)
p: f32[?,2] = Softmax(y)
)");

  EXPECT_THAT(names.gone, ElementsAre("z"));
  EXPECT_THAT(names.added, ElementsAre("p"));
  EXPECT_THAT(names.renamed, IsEmpty());
  EXPECT_THAT(names.changed, IsEmpty());
}

TEST(CompareGraphs, FindsRenamedNodesWhereTheRestIsTheSame) {
  Names names = compare(kModel, R"(input: f32[?,2] = Placeholder
weights: f32[2,2] = {1, 2, 3, 4}
y: f32[?,2] = MatMul(input, weights)
output: f32[?,2] = Relu(y)
)");

  EXPECT_THAT(names.renamed, ElementsAre(Pair("x", "input"), Pair("w", "weights"), Pair("z", "output")));
  EXPECT_THAT(names.gone, IsEmpty());
  EXPECT_THAT(names.added, IsEmpty());
  EXPECT_THAT(names.changed, IsEmpty()) << "an input that was renamed is the same input";
}

TEST(CompareGraphs, FindsAllRenamedNodesOfAGraphUnderAPrefix) {
  Names names = compare(kModel, R"(tower/x: f32[?,2] = Placeholder
tower/w: f32[2,2] = {1, 2, 3, 4}
tower/y: f32[?,2] = MatMul(tower/x, tower/w)
tower/z: f32[?,2] = Relu(tower/y)
)");

  EXPECT_EQ(names.renamed.size(), 4u);
  EXPECT_THAT(names.changed, IsEmpty());
}

TEST(CompareGraphs, TellsRenamedTwinsApartByWhatTheyAreWiredTo) {
  // Both constants are equal; only their users say which is which.
  Names names = compare(R"(x: f32[2] = Placeholder
a: f32[2] = {1, 2}
b: f32[2] = {1, 2}
sum: f32[2] = Add(x, a)
product: f32[2] = Mul(x, b)
)",
                        R"(x: f32[2] = Placeholder
for_product: f32[2] = {1, 2}
for_sum: f32[2] = {1, 2}
sum: f32[2] = Add(x, for_sum)
product: f32[2] = Mul(x, for_product)
)");

  EXPECT_THAT(names.renamed, ElementsAre(Pair("a", "for_sum"), Pair("b", "for_product")));
  EXPECT_THAT(names.changed, IsEmpty());
}

TEST(CompareGraphs, NamesEveryChangeOfANode) {
  Names names = compare(R"(x: f32[1,4,4,1] = Placeholder
w: f32[2,2,1,1] = {1, 2, 3, 4}
y = Conv2D(x, w) {strides=[1, 1, 1, 1], padding="SAME"}
t: f32[] = 1
z = Identity(y)
)",
                        R"(x: f32[1,4,4,1] = Placeholder
w: f32[2,2,1,1] = {1, 2, 3, 4.5}
y = Conv2D(x, w) {strides=[1, 2, 2, 1], padding="SAME"} on "/cpu:0"
t: f32[] = 1
z = Relu(x, ^t)
)");

  ASSERT_EQ(names.changed.size(), 3u);
  EXPECT_THAT(names.changed[0],
              Pair("w", ElementsAre("value: f32[2,2,1,1]: 1 of 4 elements differ, largest difference 0.5")));
  EXPECT_THAT(names.changed[1],
              Pair("y", ElementsAre("device: '' -> '/cpu:0'", "attr strides: [1, 1, 1, 1] -> [1, 2, 2, 1]")));
  EXPECT_THAT(names.changed[2],
              Pair("z", ElementsAre("op: Identity -> Relu", "input 0: 'y' -> 'x'", "control input none -> '^t'")));
}

TEST(CompareGraphs, InternalAttrsCountOnlyIfAsked) {
  constexpr std::string_view kWith = R"(x: f32[2] = Placeholder
y: f32[2] = Relu(x) {_class=["loc:@x"]}
)";
  constexpr std::string_view kWithout = R"(x: f32[2] = Placeholder
y: f32[2] = Relu(x)
)";

  expect_same(compare(kWith, kWithout));
  Names names = compare(kWith, kWithout, {.internal_attrs = true});
  ASSERT_EQ(names.changed.size(), 1u);
  EXPECT_THAT(names.changed[0], Pair("y", ElementsAre("attr _class: [\"loc:@x\"] -> none")));
}

TEST(CompareGraphs, EqualConstantsUsedForDifferentThingsAreNotRenamed) {
  Names names = compare(R"(x: f32[2] = Placeholder
axis: f32[] = 0
y: f32[2] = Add(x, axis)
)",
                        R"(x: f32[2] = Placeholder
bias: f32[] = 0
z: f32[2] = Mul(x, bias)
)");

  EXPECT_THAT(names.gone, ElementsAre("axis", "y"));
  EXPECT_THAT(names.added, ElementsAre("bias", "z"));
  EXPECT_THAT(names.renamed, IsEmpty());
}

TEST(CompareGraphs, ARenamedConstantOfAChangedNodeIsFound) {
  Names names = compare(kModel, R"(x: f32[?,2] = Placeholder
weights: f32[2,2] = {1, 2, 3, 4}
y: f32[?,2] = MatMul(x, weights) {transpose_b=true}
z: f32[?,2] = Relu(y)
)");

  EXPECT_THAT(names.renamed, ElementsAre(Pair("w", "weights")));
  EXPECT_THAT(names.changed, ElementsAre(Pair("y", ElementsAre("attr transpose_b: false -> true"))));
}

TEST(CompareGraphs, ManyEqualRenamedNodesAreAllPaired) {
  std::string first, second;
  for (int i = 0; i < 50; ++i) {
    str_append(first, "a", i, ": f32[2] = {1, 2}\n");
    str_append(second, "b", i, ": f32[2] = {1, 2}\n");
  }
  Names names = compare(first, second);

  EXPECT_EQ(names.renamed.size(), 50u);
  EXPECT_THAT(names.gone, IsEmpty());
}

TEST(CompareGraphs, VersionsAreANoteAndNoDifference) {
  Graph first = graph_of(kModel), second = graph_of(kModel);
  first.versions.producer = 27;
  second.versions.producer = 119;
  GraphComparison comparison = compare_graphs(first, second);

  EXPECT_TRUE(comparison.same_nodes());
  EXPECT_THAT(comparison.notes, ElementsAre("versions: producer 27 -> 119, min_consumer 0 -> 0"));
}

TEST(DifferenceOfValues, IsTheLargestOfAnyElement) {
  ValueDifference difference =
      difference_of_values(Tensor::from<float>({3}, {1, -8, 3}), Tensor::from<float>({3}, {1, -7.5f, 3.25f}));

  EXPECT_TRUE(difference.comparable);
  EXPECT_EQ(difference.differing, 2);
  EXPECT_EQ(difference.largest, 0.5);
  EXPECT_EQ(difference.range, 8);
}

TEST(DifferenceOfValues, NaNIsEqualToNaNAndFarFromAllElse) {
  const float nan = std::nanf("");
  Tensor one = Tensor::from<float>({2}, {nan, 1}), same = one, other = Tensor::from<float>({2}, {0, 1});

  EXPECT_EQ(difference_of_values(one, same).differing, 0);
  EXPECT_EQ(difference_of_values(one, other).largest, std::numeric_limits<double>::infinity());
}

TEST(DifferenceOfValues, OtherShapesAndDtypesAreNotCompared) {
  ValueDifference difference = difference_of_values(Tensor::from<float>({2}, {1, 2}), Tensor::from<int32_t>({1}, {1}));

  EXPECT_FALSE(difference.comparable);
  EXPECT_EQ(difference.text, "f32[2] -> i32[1]");
}

TEST(DifferenceOfValues, StringsDifferWithoutADistance) {
  ValueDifference difference =
      difference_of_values(Tensor::from<std::string>({2}, {"a", "b"}), Tensor::from<std::string>({2}, {"a", "c"}));

  EXPECT_EQ(difference.differing, 1);
  EXPECT_EQ(difference.text, "str[2]: 1 of 2 elements differ");
}

}  // namespace
}  // namespace tarn
