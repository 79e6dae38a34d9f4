// What SaveV2 and RestoreV2 of a session talk to: checkpoint files.
//
//   session.set_checkpoint_store(make_checkpoint_store());
//
// Thread-safe. The checkpoint last restored from stays open, so that restoring many variables reads its index once; it
// is opened anew when its files were replaced.
#pragma once

#include <memory>

#include "core/services.h"

namespace tarn {

std::unique_ptr<CheckpointStore> make_checkpoint_store();

}  // namespace tarn
