// Looking through a range, one loop each: libstdc++'s std::find and its like are unrolled by hand, 200 bytes for each
// type and test, and an engine is weighed (docs/binary_size.md).
//
//   if (contains(names, name)) …        bool is_known = all_of(facts, [](const Fact& fact) { return fact.has_value();
//   });
#pragma once

namespace tarn {

template <class Range, class Test>
constexpr auto first_where(const Range& range, const Test& test) {
  auto it = range.begin();
  while (it != range.end() && !test(*it)) ++it;
  return it;
}

template <class Range, class Test>
constexpr bool any_of(const Range& range, const Test& test) {
  return first_where(range, test) != range.end();
}

template <class Range, class Test>
constexpr bool all_of(const Range& range, const Test& test) {
  return !any_of(range, [&](const auto& element) { return !test(element); });
}

template <class Range, class Value>
constexpr auto first_equal(const Range& range, const Value& value) {
  return first_where(range, [&](const auto& element) { return element == value; });
}

template <class Range, class Value>
constexpr bool contains(const Range& range, const Value& value) {
  return first_equal(range, value) != range.end();
}

}  // namespace tarn
