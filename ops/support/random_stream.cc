#include "ops/support/random_stream.h"

#include "ops/support/philox.h"

namespace tarn {

Result<RandomState*> random_state(RunContext& c, uint64_t seed, uint64_t seed2) {
  ResourceMap* resources = c.services().resources();
  if (resources == nullptr) return failed_precondition("there is nowhere to keep the state of random numbers");
  auto* state = resources->find<RandomState>(c.node_name());
  if (state != nullptr && state->has_begun()) return state;
  if (seed == 0 && seed2 == 0) {
    auto* seeds = c.services().get<RandomSeeds>();
    if (seeds == nullptr) return failed_precondition("seed and seed2 are 0, and there is no source of random seeds");
    seed = seeds->next_seed();
    seed2 = seeds->next_seed();
  }
  const RandomState::Position start = philox_position(seed, seed2);
  state = resources->find_or_create<RandomState>(c.node_name(), [&] { return std::make_unique<RandomState>(start); });
  state->begin(start);
  return state;
}

}  // namespace tarn
