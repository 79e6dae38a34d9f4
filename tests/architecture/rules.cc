#include "tests/architecture/rules.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <set>
#include <utility>

namespace tarn::architecture {
namespace {

struct Include {
  int line;
  bool quoted;
  std::string name;
};

struct FolderRule {
  std::string_view folder;
  std::vector<std::string_view> may_include;  // first path components of quoted includes
};

// core <- ops;  core <- runtime;  core, runtime, proto <- graph <- passes <- tools.
const std::vector<FolderRule>& folder_rules() {
  static const std::vector<FolderRule> rules = {
      {"core", {"core"}},
      {"ops", {"core", "ops"}},
      {"runtime", {"core", "runtime"}},
      {"graph", {"core", "runtime", "proto", "graph"}},
      {"passes", {"core", "runtime", "proto", "graph", "passes"}},
      {"tools", {"core", "runtime", "proto", "graph", "passes", "tools"}},
      {"examples", {"core", "runtime", "proto", "graph", "passes", "tools", "examples"}},
  };
  return rules;
}

struct LibraryRule {
  std::string_view name;
  const char* header;  // matches the included name
  const char* users;   // matches the paths of files that may include it
};

// tests/ and bench/ may include anything.
constexpr LibraryRule kLibraryRules[] = {
    {"Eigen", "(unsupported/)?Eigen/.*", "ops/eigen\\.h"},
    {"oneDNN", "(oneapi/dnnl/)?dnnl.*|omp\\.h", "ops/dnnl/.*"},
    {"Boost", "boost/.*", "graph/(bgl\\.h|algorithms\\.cc|dot\\.cc)|passes/support/pattern\\.cc"},
    {"gflags", "gflags/.*", "(tools|examples)/.*"},
    {"protobuf", "google/protobuf/.*|.*\\.pb\\.h", "(graph|passes|tools|examples)/.*"},
    {"LevelDB", "leveldb/.*", "graph/.*\\.cc"},
    {"GoogleTest", "g(test|mock)/.*", "(?!)"},
    {"JSON", "nlohmann/.*", "(tools|examples)/.*\\.cc"},
    {"libpng", "png\\.h", "(examples|ops/images)/.*\\.cc"},
    {"libjpeg", "j(peglib|error)\\.h", "ops/images/jpeg\\.cc"},
    {"leptonica", "leptonica/.*", "tools/support/digit_sheet\\.cc"},
    {"libsamplerate", "samplerate\\.h", "tools/support/sound\\.cc"},
    {"RE2", "re2/.*", "ops/re2/.*\\.cc"},
    {"JNI", "jni\\.h", "runtime/jni/.*"},
    {"Emscripten", "emscripten/.*", "runtime/wasm/.*"},
    {"zlib", "zlib\\.h", "(tools|examples)/.*\\.cc|graph/gzip\\.cc"},
};

// Headers of C and POSIX that the lean folders may include besides the C++ ones, which have no dot in their name.
const std::set<std::string_view>& system_headers() {
  static const std::set<std::string_view> headers = {
      "dirent.h",   "fcntl.h",    "pthread.h",    "signal.h",   "stdbool.h",   "stddef.h",
      "stdint.h",   "sys/mman.h", "sys/random.h", "sys/stat.h", "sys/types.h", "sys/resource.h",
      "sys/wait.h", "unistd.h",   "time.h",       "sched.h",    "immintrin.h", "arm_neon.h",
      "cpuid.h",    "sys/auxv.h", "asm/hwcap.h",  "sys/file.h",
  };
  return headers;
}

bool is_cpp(std::string_view path) {
  return path.ends_with(".h") || path.ends_with(".cc") || path.ends_with(".c");
}

std::string_view first_component(std::string_view path) {
  return path.substr(0, path.find('/'));
}

bool is_exempt(std::string_view path) {
  return path.starts_with("tests/") || path.starts_with("bench/");
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<Include> includes_of(std::string_view text) {
  static const std::regex pattern(R"re(^\s*#\s*include\s*([<"])([^>"]+)[>"])re");
  std::vector<Include> includes;
  int line_number = 0;
  for (std::string_view line : split_lines(text)) {
    ++line_number;
    if (line.find("include") == std::string_view::npos) continue;
    std::cmatch match;
    if (std::regex_search(line.data(), line.data() + line.size(), match, pattern)) {
      includes.push_back({line_number, match[1] == "\"", match[2]});
    }
  }
  return includes;
}

std::string at(std::string_view path, int line) {
  return std::string(path) + ":" + std::to_string(line) + ": ";
}

// Complains at every line that `pattern` matches.
std::vector<std::string> complain_of_lines(std::string_view path, std::string_view text, const std::regex& pattern,
                                           const std::string& complaint) {
  std::vector<std::string> complaints;
  int line_number = 0;
  for (std::string_view line : split_lines(text)) {
    ++line_number;
    if (std::regex_search(line.begin(), line.end(), pattern)) complaints.push_back(at(path, line_number) + complaint);
  }
  return complaints;
}

std::optional<std::string> folder_complaint(std::string_view folder, const Include& include) {
  for (const FolderRule& rule : folder_rules()) {
    if (rule.folder != folder || !include.quoted) continue;
    const std::string_view target = first_component(include.name);
    if (std::find(rule.may_include.begin(), rule.may_include.end(), target) == rule.may_include.end()) {
      return std::string(folder) + "/ may not include " + std::string(target) + "/ (\"" + include.name + "\")";
    }
  }
  return std::nullopt;
}

std::optional<std::string> library_complaint(std::string_view path, const Include& include) {
  for (const LibraryRule& rule : kLibraryRules) {
    if (!std::regex_match(include.name, std::regex(rule.header))) continue;
    if (std::regex_match(path.begin(), path.end(), std::regex(rule.users))) return std::nullopt;
    return std::string(rule.name) + " is not for this file (<" + include.name + ">)";
  }
  // What an app links includes nothing that is not listed here.
  const std::string_view folder = first_component(path);
  const bool lean = folder == "core" || folder == "ops" || folder == "runtime";
  const bool cpp_header = include.name.find_first_of("./") == std::string::npos;
  if (lean && !include.quoted && !cpp_header && !system_headers().contains(include.name)) {
    return std::string(folder) + "/ includes only the standard library and POSIX (<" + include.name + ">)";
  }
  return std::nullopt;
}

}  // namespace

std::vector<SourceFile> read_repository(const std::filesystem::path& root) {
  namespace fs = std::filesystem;
  static constexpr std::array<std::string_view, 5> kIgnored = {".git", "build", "out", "data", ".cache"};
  std::vector<SourceFile> files;
  for (auto entry = fs::recursive_directory_iterator(root); entry != fs::recursive_directory_iterator(); ++entry) {
    const std::string path = entry->path().lexically_relative(root).generic_string();
    const bool ignored = entry.depth() == 0 && std::find(kIgnored.begin(), kIgnored.end(), path) != kIgnored.end();
    if (ignored || entry->path().filename() == "__pycache__") {
      entry.disable_recursion_pending();
      continue;
    }
    if (!entry->is_regular_file() || path == "compile_commands.json") continue;
    std::ifstream stream(entry->path(), std::ios::binary);
    files.push_back({path, std::string(std::istreambuf_iterator<char>(stream), {})});
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

std::vector<std::string> check_includes(std::string_view path, std::string_view text) {
  std::vector<std::string> complaints;
  if (!is_cpp(path) || is_exempt(path)) return complaints;
  for (const Include& include : includes_of(text)) {
    if (auto complaint = folder_complaint(first_component(path), include)) {
      complaints.push_back(at(path, include.line) + *complaint);
    } else if (auto library = library_complaint(path, include)) {
      complaints.push_back(at(path, include.line) + *library);
    }
  }
  return complaints;
}

std::vector<std::string> check_build_flags(std::string_view path, std::string_view text) {
  const bool build_file = path.ends_with("CMakeLists.txt") || path.ends_with(".cmake") || path == "CMakePresets.json" ||
                          path.ends_with(".sh") || path == "quickstart";
  if (!build_file) return {};
  static const std::regex pattern("-m(arch|cpu|tune)=native");
  return complain_of_lines(path, text, pattern, "compiles for the build machine's own instruction set");
}

std::vector<std::string> check_registration(std::string_view path, std::string_view text) {
  if (!is_cpp(path) || is_exempt(path)) return {};
  static const std::regex pattern(
      R"(__attribute__\s*\(\(\s*constructor|\[\[gnu::constructor|\bREGISTER_[A-Z_]+\s*\()"
      R"(|^\s*(static|inline|const)?\s*(const\s+)?[A-Za-z_:<>]*Regist(rar|erer|ration|rator)[A-Za-z_:<>]*\s+\w+\s*[({=;])"
      R"(|^\s*(static|inline)\s+(const\s+)?(bool|int|auto)\s+\w*regist\w*\s*[={])",
      std::regex::ECMAScript | std::regex::optimize);
  return complain_of_lines(path, text, pattern,
                           "registers by a static object; the generated table is the only registry");
}

std::vector<std::string> check_machine_paths(std::string_view path, std::string_view text) {
  // Spelled so that this file does not hold them.
  static const std::regex pattern(std::string("(^|[^A-Za-z0-9_.}/])/(ro") + "ot|wo" + "rk)/");
  return complain_of_lines(path, text, pattern, "names a path of one machine");
}

}  // namespace tarn::architecture
