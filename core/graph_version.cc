#include "core/graph_version.h"

#include <algorithm>

#include "core/search.h"

namespace tarn {

Status check_graph_versions(int producer, int min_consumer, std::span<const int> bad_consumers) {
  if (producer < 0) return invalid_argument("versions: producer ", producer, " is below 0");
  if (min_consumer < 0) return invalid_argument("versions: min_consumer ", min_consumer, " is below 0");
  if (min_consumer > kConsumerVersion) {
    return failed_precondition("versions: the file needs a newer reader: min_consumer is ", min_consumer,
                               ", this reader is version ", kConsumerVersion);
  }
  if (contains(bad_consumers, kConsumerVersion)) {
    return failed_precondition("versions: bad_consumers names this reader's version ", kConsumerVersion);
  }
  return {};
}

}  // namespace tarn
