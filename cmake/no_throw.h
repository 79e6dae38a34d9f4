// Included before all else in the libraries of a lean build (-DTARN_OPS_FROM): what libstdc++'s containers would throw
// ends the process right there. These libraries know no exceptions, so it would end all the same, but a call, a text
// and the test before it are 25 bytes in each of some hundred places, and an engine is weighed (docs/binary_size.md).
// Sizes that come from a file or a caller are judged before memory is asked for: none of it is how bad input is
// refused.
#pragma once

#include <cstddef>  // says which library it is

#ifdef __GLIBCXX__
#include <bits/functexcept.h>

namespace std {
[[noreturn, gnu::always_inline]] inline void tarn_no_throw() {
  __builtin_trap();
}
}  // namespace std

#define __throw_bad_alloc() tarn_no_throw()
#define __throw_bad_array_new_length() tarn_no_throw()
#define __throw_length_error(message) tarn_no_throw()
#define __throw_logic_error(message) tarn_no_throw()
#define __throw_out_of_range_fmt(...) tarn_no_throw()
#define __throw_system_error(error) tarn_no_throw()
#endif
