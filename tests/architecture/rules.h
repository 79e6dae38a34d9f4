// The architecture's rules as functions from a file's path and text to complaints, so that tests can show each one
// firing.
//
//   check_includes("ops/foo.cc", "#include \"graph/graph.h\"\n")
//     == {"ops/foo.cc:1: ops/ may not include graph/ (\"graph/graph.h\")"}
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tarn::architecture {

struct SourceFile {
  std::string path;  // relative to the repository, with slashes
  std::string text;
};

// Every file of the repository but what .gitignore and git keep out: .git, build/, out/, data/, .cache/.
std::vector<SourceFile> read_repository(const std::filesystem::path& root);

// Which folder may include which, and which few files may include which library.
std::vector<std::string> check_includes(std::string_view path, std::string_view text);
// The baseline instruction set is plain x86-64 or armv8-a: no build file asks for the build machine's own.
std::vector<std::string> check_build_flags(std::string_view path, std::string_view text);
// Registration is by generated table: no registrar object, registering macro or constructor attribute outside tests.
std::vector<std::string> check_registration(std::string_view path, std::string_view text);
// No absolute path of the machine it was written on, in any file.
std::vector<std::string> check_machine_paths(std::string_view path, std::string_view text);

}  // namespace tarn::architecture
