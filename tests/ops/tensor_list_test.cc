// Tensor lists by session and engine; expected values by hand.
#include <gtest/gtest.h>

#include "tests/ops/harness.h"
#include "tests/support/text_runs.h"

namespace tarn::testing {
namespace {

constexpr const char* kLists = "its lists are values that only the executor has; run as part of graphs here";
TARN_OP_WITHOUT_CASES(EmptyTensorList, kLists);
TARN_OP_WITHOUT_CASES(TensorListReserve, kLists);
TARN_OP_WITHOUT_CASES(TensorListFromTensor, kLists);
TARN_OP_WITHOUT_CASES(TensorListPushBack, kLists);
TARN_OP_WITHOUT_CASES(TensorListPopBack, kLists);
TARN_OP_WITHOUT_CASES(TensorListSetItem, kLists);
TARN_OP_WITHOUT_CASES(TensorListGetItem, kLists);
TARN_OP_WITHOUT_CASES(TensorListResize, kLists);
TARN_OP_WITHOUT_CASES(TensorListStack, kLists);
TARN_OP_WITHOUT_CASES(TensorListGather, kLists);
TARN_OP_WITHOUT_CASES(TensorListLength, kLists);
TARN_OP_WITHOUT_CASES(TensorListElementShape, kLists);

TARN_OP_WITHOUT_CASES(TensorListConcat, kLists);
TARN_OP_WITHOUT_CASES(TensorListConcatV2, kLists);
TARN_OP_WITHOUT_CASES(TensorListSplit, kLists);
TARN_OP_WITHOUT_CASES(TensorListScatter, kLists);
TARN_OP_WITHOUT_CASES(TensorListScatterV2, kLists);
TARN_OP_WITHOUT_CASES(TensorListScatterIntoExistingList, kLists);
TARN_OP_WITHOUT_CASES(TensorListConcatLists, kLists);

constexpr std::string_view kNumbers = R"(
a: f32[2] = Placeholder
zero: i32[] = 0
one: i32[] = 1
two: i32[] = 2
any: i32[] = -1
pair: i32[1] = {2}
open: i32[1] = {-1}
)";

std::string both(std::string_view text, const std::vector<std::string>& fetches) {
  return run(str_cat(kNumbers, text), {{"a", Tensor::from<float>({2}, {1, 2})}}, fetches);
}

TEST(TensorList, ChangedIsAnotherList) {
  EXPECT_EQ(both(R"(
b = Neg(a)
empty = TensorListReserve(pair, two) {element_dtype=f32}
first = TensorListSetItem(empty, zero, a)
second = TensorListSetItem(first, zero, b)
s0 = TensorListStack(empty, pair) {element_dtype=f32}
s1 = TensorListStack(first, pair) {element_dtype=f32, num_elements=2}
s2 = TensorListStack(second, any) {element_dtype=f32}
item = TensorListGetItem(second, one, pair) {element_dtype=f32}
)",
                 {"s0", "s1", "s2", "item"}),
            "f32[2,2]{0, 0, 0, 0} f32[2,2]{1, 2, 0, 0} f32[2,2]{-1, -2, 0, 0} f32[2]{0, 0}");
}

constexpr std::string_view kRows = R"(
x: f32[4,2] = {1, 2, 3, 4, 5, 6, 7, 8}
lengths: i64[3] = {1, 0, 3}
open_rows: i32[2] = {-1, 2}
split = TensorListSplit(x, open_rows, lengths)
)";

TEST(TensorList, SplitsIntoRowsAndJoinsThem) {
  EXPECT_EQ(both(str_cat(kRows, R"(
first = TensorListGetItem(split, zero, any) {element_dtype=f32}
last = TensorListGetItem(split, two, any) {element_dtype=f32}
c = TensorListConcat(split) {element_dtype=f32}
leading: i64[5] = {9, 9, 9, 9, 2}
longer = TensorListPushBack(split, a2)
a2 = ExpandDims(a, zero)
five: i32[] = 5
sized = TensorListResize(longer, five)
v2 = TensorListConcatV2(sized, open_rows, leading) {element_dtype=f32}
twice = TensorListConcatLists(split, split) {element_dtype=f32}
t = TensorListConcat(twice) {element_dtype=f32}
)"),
                 {"first", "last", "c", "c:1", "v2", "v2:1", "t:1"}),
            "f32[1,2]{1, 2} f32[3,2]{3, 4, 5, 6, 7, 8} f32[4,2]{1, 2, 3, 4, 5, 6, 7, 8} i64[3]{1, 0, 3} "
            "f32[7,2]{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 0, 0, 0, 0} i64[5]{1, 0, 3, 1, 2} i64[6]{1, 0, 3, 1, 0, 3}");
}

TEST(TensorList, IsScatteredTo) {
  EXPECT_EQ(both(R"(
x: f32[3,2] = {1, 2, 3, 4, 5, 6}
indices: i32[3] = {3, 0, 3}
many: i32[] = 5
needed = TensorListScatter(x, indices, pair)
s = TensorListStack(needed, pair) {element_dtype=f32}
sized = TensorListScatterV2(x, indices, pair, many)
s2 = TensorListStack(sized, pair) {element_dtype=f32}
b: f32[1,2] = {7, 8}
at: i32[1] = {4}
into = TensorListScatterIntoExistingList(needed, b, at)
s3 = TensorListStack(into, pair) {element_dtype=f32}
)",
                 {"s", "s2", "s3"}),
            "f32[4,2]{3, 4, 0, 0, 0, 0, 5, 6} f32[5,2]{3, 4, 0, 0, 0, 0, 5, 6, 0, 0} "
            "f32[5,2]{3, 4, 0, 0, 0, 0, 5, 6, 7, 8}");
}

TEST(TensorList, IsAddedToOthersElementByElement) {
  EXPECT_EQ(both(R"(
b = Neg(a)
empty = TensorListReserve(pair, two) {element_dtype=f32}
p = TensorListSetItem(empty, zero, a)
q = TensorListSetItem(p, zero, b)
r = TensorListSetItem(p, one, a)
sum = AddN(p, r, r) {N=3, T=variant}
s = TensorListStack(sum, pair) {element_dtype=f32}
none = ZerosLike(q) {T=variant}
z = TensorListStack(none, pair) {element_dtype=f32}
same = TensorListStack(q, pair) {element_dtype=f32}
)",
                 {"s", "z", "same"}),
            "f32[2,2]{3, 6, 2, 4} f32[2,2]{0, 0, 0, 0} f32[2,2]{-1, -2, 0, 0}");
}

TEST(TensorList, MistakesWithRowsAreNamed) {
  const std::pair<const char*, const char*> kMistakes[] = {
      {"v = TensorListScatter(x, minus, open_rows)\nminus: i32[4] = {0, 1, -1, 2}\ny = TensorListLength(v)\n",
       "index -1 at 2 is below 0"},
      {"i4: i32[4] = {0, 1, 5, 2}\nv = TensorListScatterV2(x, i4, pair, two)\ny = TensorListLength(v)\n",
       "index 5 is beyond the end of a list of 2"},
      {"bad: i64[2] = {3, 2}\nv = TensorListSplit(x, open_rows, bad)\ny = TensorListLength(v)\n",
       "length 2 at 1: the tensor has 1 rows left of 4"},
      {"bad: i64[2] = {3, 0}\nv = TensorListSplit(x, open_rows, bad)\ny = TensorListLength(v)\n",
       "the lengths are 3 in all"},
      {"more = TensorListResize(split, five)\nfive: i32[] = 5\ny = TensorListConcat(more) {element_dtype=f32}\n",
       "element 3 was never set"},
      {"short = TensorListReserve(pair, two) {element_dtype=f32}\nv = AddN(split, short) {N=2, T=variant}\ny = "
       "TensorListLength(v)\n",
       "lists of 3 and of 2 elements"},
  };
  for (const auto& [text, expected] : kMistakes) {
    std::string message = both(str_cat(kRows, text), {"y"});
    EXPECT_NE(message.find(expected), std::string::npos) << message;
  }
}

TEST(TensorList, IsMadeOfATensor) {
  EXPECT_EQ(both(R"(
x: f32[3,2] = {1, 2, 3, 4, 5, 6}
indices: i32[2] = {2, 0}
list = TensorListFromTensor(x, pair) {element_dtype=f32}
item = TensorListGetItem(list, two, pair) {element_dtype=f32}
some = TensorListGather(list, indices, pair) {element_dtype=f32}
length = TensorListLength(list)
shape = TensorListElementShape(list) {shape_type=i64}
)",
                 {"item", "some", "length", "shape"}),
            "f32[2]{5, 6} f32[2,2]{5, 6, 1, 2} i32[]{3} i64[1]{2}");
}

TEST(TensorList, GrowsAndShrinks) {
  EXPECT_EQ(both(R"(
b = Neg(a)
empty = EmptyTensorList(open, any) {element_dtype=f32}
l1 = TensorListPushBack(empty, a)
l2 = TensorListPushBack(l1, b)
pop = TensorListPopBack(l2, any) {element_dtype=f32}
left = TensorListLength(pop)
before = TensorListLength(l2)
more = TensorListResize(l2, zero)
none = TensorListLength(more)
shape = TensorListElementShape(empty) {shape_type=i32}
)",
                 {"pop:1", "left", "before", "none", "shape"}),
            "f32[2]{-1, -2} i32[]{1} i32[]{2} i32[]{0} i32[1]{-1}");
}

struct Mistake {
  const char* text;
  const char* message;
};
const Mistake kMistakes[] = {
    {"list = TensorListReserve(pair, two) {element_dtype=f32}\ny = TensorListGetItem(list, two, pair) "
     "{element_dtype=f32}\n",
     "element 2 of a list of 2 elements"},
    {"list = TensorListReserve(any, two) {element_dtype=f32}\ny = TensorListGetItem(list, zero, any) "
     "{element_dtype=f32}\n",
     "an element was never set, and its shape, ?, is not fully known"},
    {"list = TensorListReserve(pair, two) {element_dtype=f32}\nb: f32[1] = {1}\nset = TensorListSetItem(list, zero, "
     "b)\ny = "
     "TensorListLength(set)\n",
     "the list has elements of [2], the item has shape [1]"},
    {"list = TensorListReserve(pair, two) {element_dtype=i32}\ny = TensorListGetItem(list, zero, pair) "
     "{element_dtype=f32}\n",
     "the list holds int32, not float"},
    {"list = EmptyTensorList(any, any) {element_dtype=f32}\npop = TensorListPopBack(list, any) {element_dtype=f32}\ny "
     "= "
     "Neg(pop:1)\n",
     "the list is empty, there is nothing to pop"},
    {"list = EmptyTensorList(any, one) {element_dtype=f32}\nl1 = TensorListPushBack(list, a)\nl2 = "
     "TensorListPushBack(l1, "
     "a)\ny = TensorListLength(l2)\n",
     "the list is full: it may have 1 elements"},
    {"many: i32[] = 2147483647\nlist = TensorListReserve(pair, many) {element_dtype=f32}\ny = TensorListLength(list)\n",
     "a list of 2147483647 elements is above 4194304"},
    {"list = TensorListReserve(pair, two) {element_dtype=f32}\ny = TensorListStack(list, pair) {element_dtype=f32, "
     "num_elements=3}\n",
     "attr 'num_elements' is 3 but the list has 2"},
};

TEST(TensorList, MistakesAreNamed) {
  for (const Mistake& mistake : kMistakes) {
    std::string message = both(mistake.text, {"y"});
    EXPECT_NE(message.find(mistake.message), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace tarn::testing
