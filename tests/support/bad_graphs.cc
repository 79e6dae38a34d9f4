#include "tests/support/bad_graphs.h"

#include "tests/support/file_ops.h"

namespace tarn::testing {
namespace {

std::string with_attr(std::string_view attr) {
  return placeholder("x") + typed("y", "Relu", "input: 'x'", attr);
}

std::string conv(std::string_view attrs) {
  return placeholder("x") + typed("c", "Conv2D", "input: 'x' input: 'x'", attrs);
}

}  // namespace

std::vector<BadGraph> bad_graphs() {
  const std::string x = placeholder("x");
  const std::string i = typed("i", "Placeholder", "", "attr { key: 'dtype' value { type: DT_INT32 } }");
  const std::string add_n =
      "node { name: 's' op: 'AddN' input: 'x' attr { key: 'T' value { type: DT_FLOAT } } attr { key: 'N' value { i: ";
  return {
      {"B18 duplicate names", x + relu("y", "x") + relu("y", "x"), {"node 2: node name 'y' is taken by node 1"}},
      {"B19 empty name", typed("", "NoOp", "", ""), {"node 0: op 'NoOp': a node has an empty name"}},
      {"B19 NUL and newline", typed("a\\000b\\n", "NoOp", "", ""), {"node name 'a\\x00b\\x0a' has characters"}},
      {"B19 control name", typed("^x", "NoOp", "", ""), {"node name '^x' has characters"}},
      {"B19 1 MiB name", typed(std::string(1 << 20, 'a'), "NoOp", "", ""), {"has 1048576 bytes; the limit is 4096"}},
      {"B21 missing input",
       x + typed("z", "Add", "input: 'x' input: 'xx'", kFloatT),
       {"node 1: Add 'z': input 1: 'xx': no node 'xx' in the graph; did you mean 'x'?"}},
      {"B21 missing control", relu("y", "^gone"), {"Relu 'y': input 0: '^gone' (control): no node 'gone'"}},
      {"B22 output out of range",
       x + relu("y", "x:5"),
       {"Relu 'y': input 'x:5': Placeholder 'x' has 1 output"},
       {"Relu 'y': input 0 'x:5': Placeholder 'x' has 1 output"}},
      {"B22 negative output", x + relu("y", "x:-1"), {"Relu 'y': input 0: 'x:-1': output '-1' is not a number"}},
      {"B22 huge output", x + relu("y", "x:99999999999999999999"), {"Relu 'y': input 0: 'x:99999999999999999999'"}},
      {"B23 empty input", x + relu("y", ""), {"Relu 'y': input 0: '' names no node"}},
      {"B23 lone caret", x + relu("y", "^"), {"Relu 'y': input 0: '^' names no node"}},
      {"B23 lone colon", x + relu("y", ":"), {"Relu 'y': input 0: ':'"}},
      {"B24 self loop", relu("y", "y"), {"the graph has a cycle: 'y' -> 'y'"}},
      {"B24 two", relu("a", "b") + relu("b", "a") + relu("c", "b"), {"cycle: 'a' -> 'b' -> 'a'"}},
      {"B24 control cycle",
       typed("a", "NoOp", "input: '^b'", "") + typed("b", "NoOp", "input: '^a'", ""),
       {"cycle: 'a' -> 'b' -> 'a'"}},
      {"B25 control before data",
       x + typed("y", "Relu", "input: '^x' input: 'x'", kFloatT),
       {"Relu 'y': input 1: 'x' comes after a control input"}},
      {"B26 too few", x + typed("z", "Add", "input: 'x'", kFloatT), {"Add 'z': expects 2 inputs (x, y), got 1"}},
      {"B26 too many",
       x + typed("y", "Relu", "input: 'x' input: 'x'", kFloatT),
       {"expects 1 inputs (features), got 2"}},
      {"B27 empty op", typed("y", "", "", ""), {"node 'y' has no op"}},
      {"B28 no T", with_attr(""), {"Relu 'y': attr 'T' (type) is missing"}},
      {"B28 no dtype, no value",
       typed("k", "Const", "", ""),
       {"Const 'k': attr 'value' (tensor) is missing", "Const 'k': attr 'dtype' (type) is missing"}},
      {"B28 no strides",
       conv(str_cat(kFloatT, "attr { key: 'padding' value { s: 'SAME' } }")),
       {"Conv2D 'c': attr 'strides' (list(int)) is missing"}},
      {"B29 T is an int", with_attr("attr { key: 'T' value { i: 1 } }"), {"attr 'T': expected type, got int"}},
      {"B29 value is an int",
       typed("k", "Const", "", "attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'value' value { i: 1 } }"),
       {"Const 'k': attr 'value': expected tensor, got int"}},
      {"B29 strides is a string",
       conv(str_cat(kFloatT, "attr { key: 'padding' value { s: 'SAME' } } attr { key: 'strides' value { s: '1' } }")),
       {"attr 'strides': expected list(int), got string"}},
      {"B29 padding unknown",
       conv(str_cat(kFloatT,
                    "attr { key: 'padding' value { s: 'FULL' } } attr { key: 'strides' value { list { i: 1 } } }")),
       {"attr 'padding': 'FULL' is not one of SAME, VALID"}},
      {"B29 mixed list",
       with_attr(str_cat(kFloatT, "attr { key: '_l' value { list { i: 1 s: 'a' } } }")),
       {"Relu 'y': attr '_l': the list has elements of 2 kinds"}},
      {"B30 DT_FLOAT_REF", with_attr("attr { key: 'T' value { type: DT_FLOAT_REF } }"), {"attr 'T': ", "101"}},
      {"B30 DT_INVALID",
       with_attr("attr { key: 'T' value { type: DT_INVALID } }"),
       {"attr 'T': invalid is not one of"}},
      {"B30 DT_RESOURCE",
       with_attr("attr { key: 'T' value { type: DT_RESOURCE } }"),
       {"attr 'T': resource is not one of"}},
      {"B30 DT_VARIANT",
       with_attr("attr { key: 'T' value { type: DT_VARIANT } }"),
       {"attr 'T': variant is not one of"}},
      {"B31 wrong type",
       i + typed("y", "Relu", "input: 'i'", kFloatT),
       {"Relu 'y': input 0 'features' expects float but 'i' gives int32"}},
      {"B32 N too large",
       x + add_n + "50000 } } }",
       {"AddN 's': input 'inputs' takes N = 50000 tensors", "has 1 inputs"}},
      {"B32 N negative", x + add_n + "-1 } } }", {"AddN 's': attr 'N': -1 is below the minimum 1"}},
      {"B32 N = 2^40", x + add_n + "1099511627776 } } }", {"takes N = 1099511627776 tensors"}},
      {"B32 outputs by the billion",
       x + i +
           typed("s", "Split", "input: 'i' input: 'x'",
                 str_cat(kFloatT, "attr { key: 'num_split' value { i: 1099511627776 } }")),
       {"Split 's': output 'output' would be num_split = 1099511627776 tensors; the limit is 65536"}},
      {"A13 newer reader needed", "versions { min_consumer: 1000000000 }", {"needs a newer reader", "1000000000"}},
      {"A13 bad producer", "versions { producer: -5 }", {"producer -5 is below 0"}},
      {"A13 excluded", "versions { producer: 30 bad_consumers: 1645 }", {"bad_consumers names this reader's version"}},
  };
}

}  // namespace tarn::testing
