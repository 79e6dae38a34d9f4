// print_required_ops as a build that needs no more than a compiler: what cmake/ops_from.cmake asks of a GraphDef. The
// tool of that name reads every kind of graph file and prints tables too.
#include <cstdio>
#include <string>
#include <string_view>

#include "core/file.h"
#include "core/strings.h"
#include "runtime/engine.h"
#include "runtime/required_ops.h"
#include "runtime/wire.h"

namespace {

tarn::Result<tarn::RequiredOps> ops_of(const std::string& path) {
  TARN_ASSIGN_OR_RETURN(tarn::MappedFile file, tarn::map_file(path));
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<tarn::WireGraph> graph,
                        tarn::WireGraph::parse(file.bytes(), file.owner(), path));
  tarn::Result<tarn::RequiredOps> found = tarn::required_ops(*graph, tarn::linked_ops());
  if (!found.ok()) return found.status().with_context(path);
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr std::string_view kGraphs = "--graphs=";
  if (argc != 3 || !std::string_view(argv[1]).starts_with(kGraphs) || std::string_view(argv[2]) != "--format=list") {
    std::fputs("usage: print_required_ops --graphs=FILE.pb,… --format=list\n", stderr);
    return 2;
  }
  tarn::RequiredOps required;
  for (const std::string& path : tarn::str_split(std::string_view(argv[1]).substr(kGraphs.size()), ',')) {
    tarn::Result<tarn::RequiredOps> found = ops_of(path);
    if (!found.ok()) {
      std::fprintf(stderr, "print_required_ops: %s\n", std::string(found.status().message()).c_str());
      return 1;
    }
    required.add(*found);
  }
  std::fputs(tarn::list_text(required).c_str(), stdout);
  return std::fflush(stdout) == 0 ? 0 : 1;
}
