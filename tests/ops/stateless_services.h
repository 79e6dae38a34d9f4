// What ops need that is not state: the same for every test, and there unless a test brings services of its own.
#pragma once

#include "core/regex.h"

namespace tarn::testing {

inline const Services& stateless_services() {
  static const Services services = [] {
    Services made;
    made.set<RegexCompiler>(&regex_compiler());
    return made;
  }();
  return services;
}

}  // namespace tarn::testing
