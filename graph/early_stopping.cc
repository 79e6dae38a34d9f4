#include "graph/early_stopping.h"

#include <cmath>

namespace tarn {

bool EarlyStopping::Update(int64_t step, double value) {
  const double gain = options_.mode == BetterMode::kMin ? best_ - value : value - best_;
  const bool better = std::isnan(best_) ? !std::isnan(value) : gain > options_.min_delta;
  if (!better) {
    ++stale_;
    return false;
  }
  best_ = value;
  best_step_ = step;
  stale_ = 0;
  return true;
}

Result<Tensor> EarlyStopping::SaveState() const {
  return Tensor::from<double>({3}, {best_, static_cast<double>(best_step_), static_cast<double>(stale_)});
}

Status EarlyStopping::RestoreState(const Tensor& state) {
  if (state.dtype() != DType::kDouble || state.element_count() != 3) {
    return data_loss("expected f64[3]: best value, its step, values since; got ", state.to_string());
  }
  best_ = state.flat<double>()[0];
  best_step_ = static_cast<int64_t>(state.flat<double>()[1]);
  stale_ = static_cast<int64_t>(state.flat<double>()[2]);
  return {};
}

Result<bool> BestCheckpoint::Update(Session& session, int64_t step, double value) {
  const EarlyStopping before = value_;
  if (!value_.Update(step, value)) return false;
  Result<std::string> saved = saver_->Save(session, path_, std::nullopt, "best_checkpoint");
  if (saved.ok()) return true;
  value_ = before;  // nothing was kept of it
  return saved.status();
}

}  // namespace tarn
