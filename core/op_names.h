// The nearest op where one is not known: "; did you mean 'Add'?" for 'Addd'.
//
//   return unimplemented("op ", in_quotes(op), " is not supported", did_you_mean_op(op, registry.names()));
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tarn {

// Of misspelled names only: an op whose name another's holds ('Real', 'RealDiv') is as a rule one that is not here, for
// which the other is no substitute. "" if nothing is near.
std::string did_you_mean_op(std::string_view op, const std::vector<std::string>& names, int most = 3);

}  // namespace tarn
