// A tool with a flag of every kind, to show what tool_main() does with command lines (tests/tools/tool_main.test). It
// prints what it was given, and misbehaves on request.
#include <gflags/gflags.h>

#include <filesystem>
#include <iostream>
#include <locale>
#include <new>
#include <thread>

#include "core/file.h"
#include "tools/support/main.h"
#include "tools/support/progress.h"

DEFINE_string(input, "", "File to read");
DEFINE_string(mode, "fast", "How to go about it");
DEFINE_string(names, "", "Names, comma-separated");
DEFINE_int32(steps, 100, "Steps to take");
DEFINE_int64(seed, 0, "Seed");
DEFINE_uint64(limit, 0, "Bytes at most");
DEFINE_int32(threads, 0, "Threads to run on; by default one per core");
DEFINE_double(rate, 0.1, "Learning rate");
DEFINE_bool(verify, true,
            "Check the result. This description is long enough that it has to go on in a second line of "
            "the help text");
DEFINE_string(misbehave, "", "fail, throw, throw_on_thread, out_of_memory, many_lines, code, locale or cut_short");

namespace {

struct CommaPoint : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

// Another program makes a file shorter that is mapped, while a result is half written.
tarn::Result<int> read_what_is_cut_short() {
  TARN_ASSIGN_OR_RETURN(tarn::MappedFile mapped, tarn::map_file(FLAGS_input));
  TARN_ASSIGN_OR_RETURN(tarn::AtomicFile result, tarn::AtomicFile::create("result"));
  TARN_RETURN_IF_ERROR(result.append(std::string(1 << 20, 'x')));
  std::filesystem::resize_file(FLAGS_input, 0);
  tarn::print("the byte is ", static_cast<int>(*static_cast<const volatile uint8_t*>(mapped.data())), "\n");
  return 0;
}

tarn::Result<int> misbehave() {
  if (FLAGS_misbehave == "cut_short") return read_what_is_cut_short();
  if (FLAGS_misbehave == "fail") return tarn::not_found("no such thing: ", tarn::quoted(FLAGS_input));
  if (FLAGS_misbehave == "throw") throw std::runtime_error("thrown\n");
  if (FLAGS_misbehave == "throw_on_thread") std::thread([] { throw std::bad_alloc(); }).join();
  if (FLAGS_misbehave == "out_of_memory") throw std::bad_alloc();
  if (FLAGS_misbehave == "many_lines") {
    for (int i = 0; i < 100000; ++i) tarn::print("line ", i, "\n");
  }
  if (FLAGS_misbehave == "locale") {
    // As a library below a tool might do.
    std::locale::global(std::locale(std::locale(), new CommaPoint));
    tarn::print(1234567, " ", 0.25, " ", 1e10, " ", tarn::fixed_text(1234.5, 2), "\n");
  }
  return FLAGS_misbehave == "code" ? 7 : 0;
}

tarn::Result<int> run(const tarn::Arguments& arguments) {
  if (!FLAGS_misbehave.empty()) return misbehave();
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> names, tarn::list_flag("names", FLAGS_names));
  tarn::print("input ", tarn::quoted(FLAGS_input), " mode ", tarn::quoted(FLAGS_mode), " steps ", FLAGS_steps, " seed ",
              FLAGS_seed, " limit ", FLAGS_limit, " threads ", FLAGS_threads, " rate ", FLAGS_rate, " verify ",
              FLAGS_verify, "\n");
  if (!names.empty()) tarn::print("names ", tarn::str_join(names, "|"), "\n");
  if (tarn::flag_was_given("steps")) tarn::print("steps were given\n");
  for (const std::string& argument : arguments) std::cout << "argument " << tarn::quoted(argument) << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  bool takes_arguments = argc > 0 && std::string_view(argv[0]).ends_with("with_arguments");
  return tarn::tool_main(argc, argv,
                         {.name = "flag_probe",
                          .summary = "Prints its flags.",
                          .example = "flag_probe --input=a.pb --steps=5\nflag_probe --input=b.pb --noverify",
                          .required = {"input"},
                          .ranges = {{"steps", 1, 1000000}, {"threads", 1, 1024}, {"rate", 0, 10}},
                          .arguments = takes_arguments ? "FILE…" : ""},
                         run);
}
