// What an app needs of memory to load a frozen graph and run it once on zeros, in a process that links the engine
// alone.
//
//   engine_memory model.pb      // "file 67109197 arena 32768 context 90112 before 4120 loaded 4512 run 69812"
//
// Of the file and the engine in bytes; then the most resident memory of the process so far, in KiB.
#include <sys/resource.h>

#include <cstdio>

#include "core/file.h"
#include "runtime/engine.h"

namespace {

long peak_kib() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

tarn::Status run(const char* path) {
  long before = peak_kib();
  TARN_ASSIGN_OR_RETURN(std::shared_ptr<const tarn::Engine> engine, tarn::Engine::load_file(path));
  tarn::EngineContext context(engine);
  TARN_RETURN_IF_ERROR(context.prepare());
  long loaded = peak_kib();
  for (size_t i = 0; i < engine->inputs().size(); ++i) {
    const tarn::EngineTensorInfo& input = engine->inputs()[i];
    TARN_ASSIGN_OR_RETURN(tarn::Tensor zeros, tarn::Tensor::zeros(input.dtype, input.shape));
    TARN_RETURN_IF_ERROR(context.set_input(static_cast<int>(i), zeros));
  }
  TARN_RETURN_IF_ERROR(context.run());
  TARN_ASSIGN_OR_RETURN(tarn::MappedFile file, tarn::map_file(path));
  std::printf("file %zu arena %zu context %zu before %ld loaded %ld run %ld\n", file.size(),
              context.program()->stats.arena_bytes, context.memory_bytes(), before, loaded, peak_kib());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: engine_memory MODEL.pb\n");
    return 2;
  }
  tarn::Status status = run(argv[1]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.to_string().c_str());
  return status.ok() ? 0 : 1;
}
