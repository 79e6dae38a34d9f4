// Checkpointable: what besides variables a training program must find again to go on exactly where it stopped, such as
// the position of an input pipeline. A Saver that tracks it writes its state into every checkpoint (graph/saver.h).
//
//   saver.Track("reader", iterator.get());       // in checkpoints: _tarn/state/reader
#pragma once

#include "core/tensor.h"

namespace tarn {

class Checkpointable {
 public:
  virtual ~Checkpointable() = default;
  // A small tensor; taking it changes nothing.
  virtual Result<Tensor> SaveState() const = 0;
  // On an error the object stays as it was.
  virtual Status RestoreState(const Tensor& state) = 0;
};

}  // namespace tarn
