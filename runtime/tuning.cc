#include "runtime/tuning.h"

#include <algorithm>
#include <cstdlib>

#include "core/machine.h"
#include "core/proto_reader.h"
#include "runtime/model_info.h"

namespace tarn {
namespace {

enum TuningField : uint32_t { kCpu = 1, kIsa = 2, kThreads = 3, kChoice = 4 };
enum ChoiceField : uint32_t { kNode = 1, kWay = 2 };

class TunedWays : public LayerWays {
 public:
  explicit TunedWays(Tuning tuning) : choices_(std::move(tuning.choices)) {
    std::sort(choices_.begin(), choices_.end(),
              [](const Tuning::Choice& a, const Tuning::Choice& b) { return a.node < b.node; });
  }
  int choose(std::string_view node, std::span<const std::string> ways) const override {
    const auto at =
        std::lower_bound(choices_.begin(), choices_.end(), node,
                         [](const Tuning::Choice& choice, std::string_view name) { return choice.node < name; });
    if (at == choices_.end() || at->node != node) return -1;
    const auto way = std::find(ways.begin(), ways.end(), at->way);
    return way == ways.end() ? -1 : static_cast<int>(way - ways.begin());
  }

 private:
  std::vector<Tuning::Choice> choices_;  // by node
};

}  // namespace

Result<Tuning> read_tuning(std::string_view message) {
  Tuning tuning;
  ProtoReader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case kCpu: tuning.cpu = reader.bytes(); break;
      case kIsa: tuning.isa = reader.bytes(); break;
      case kThreads: tuning.threads = reader.as_int32(); break;
      case kChoice: {
        Tuning::Choice choice;
        ProtoReader field(reader.bytes());
        while (field.next()) {
          if (field.field() == kNode) choice.node = field.bytes();
          if (field.field() == kWay) choice.way = field.bytes();
        }
        if (!field.ok()) return data_loss("damaged: ", field.problem());
        tuning.choices.push_back(std::move(choice));
        break;
      }
      default: break;
    }
  }
  if (!reader.ok()) return data_loss("damaged: ", reader.problem());
  return tuning;
}

std::unique_ptr<LayerWays> tuned_ways(std::string_view model_info, int threads) {
  if (model_info.empty()) return nullptr;
  Result<ModelInfo> info = parse_model_info(model_info);
  if (!info.ok() || info->tunings.empty()) return nullptr;
  const std::string cpu = cpu_name(), isa = widest_isa();
  Tuning* nearest = nullptr;
  for (Tuning& tuning : info->tunings) {
    if (tuning.cpu != cpu || tuning.isa != isa) continue;
    if (nearest == nullptr || std::abs(tuning.threads - threads) < std::abs(nearest->threads - threads))
      nearest = &tuning;
  }
  if (nearest == nullptr) return nullptr;
  return std::make_unique<TunedWays>(std::move(*nearest));
}

}  // namespace tarn
