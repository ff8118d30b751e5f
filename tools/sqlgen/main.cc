// sqlgen --db CONNINFO [--check] FILE...: typed C++ for the queries of src/<slice>/queries.sql, beside each file.
// --check writes nothing and fails when a generated file is not what it would write.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "sqlgen/describe.h"
#include "sqlgen/emit.h"
#include "sqlgen/parse.h"

namespace i2m::sqlgen {
namespace {

struct Arguments {
  std::string conninfo;
  bool check = false;
  std::vector<std::filesystem::path> files;
};

std::optional<Arguments> parse_arguments(std::span<char*> given) {
  Arguments out;
  for (std::size_t i = 1; i < given.size(); ++i) {
    const std::string_view word = given[i];
    if (word == "--db" && i + 1 < given.size()) {
      out.conninfo = given[++i];
    } else if (word == "--check") {
      out.check = true;
    } else if (word.starts_with('-')) {
      return std::nullopt;
    } else {
      out.files.emplace_back(word);
    }
  }
  if (out.conninfo.empty() || out.files.empty()) return std::nullopt;
  return out;
}

std::optional<std::string> read(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>{file}, {}};
}

int complain(std::string_view what) {
  fmt::print(stderr, "sqlgen: {}\n", what);
  return 1;
}

// All mistakes of a file are told in one run.
std::optional<std::string> generate(Database& database, const std::filesystem::path& path) {
  const std::string file = path.string();
  const auto text = read(path);
  if (!text) {
    complain(file + ": cannot be read");
    return std::nullopt;
  }
  const auto statements = parse(file, *text);
  if (!statements) {
    complain(statements.error().detail);
    return std::nullopt;
  }
  std::vector<Described> queries;
  for (const Statement& statement : *statements) {
    auto described = database.describe(file, statement);
    described ? queries.push_back(std::move(*described)) : void(complain(described.error().detail));
  }
  if (queries.size() != statements->size()) return std::nullopt;
  const std::string slice = std::filesystem::absolute(path).parent_path().filename().string();
  return emit(slice, path.filename().string(), queries);
}

int check(const std::filesystem::path& path, const std::string& wanted) {
  const auto present = read(path);
  if (!present) return complain(path.string() + " is missing: run ./dev gen");
  if (*present == wanted) return 0;
  const auto differs = std::ranges::mismatch(*present, wanted).in1;
  const auto line = 1 + std::count(present->begin(), differs, '\n');
  return complain(fmt::format("{}:{} is out of date: run ./dev gen", path.string(), line));
}

int write(const std::filesystem::path& path, const std::string& wanted) {
  if (read(path) == wanted) return 0;  // an unchanged time stamp spares a rebuild
  std::ofstream file{path, std::ios::binary};
  file << wanted;
  file.close();
  return file ? 0 : complain(path.string() + ": cannot be written");
}

int run(const Arguments& arguments) {
  auto database = Database::connect(arguments.conninfo);
  if (!database) return complain(database.error().detail);
  int failures = 0;
  for (const std::filesystem::path& path : arguments.files) {
    const auto wanted = generate(*database, path);
    const std::filesystem::path target = std::filesystem::path{path}.replace_extension(".gen.h");
    failures += !wanted ? 1 : arguments.check ? check(target, *wanted) : write(target, *wanted);
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace i2m::sqlgen

int main(int argc, char** argv) {
  const auto arguments = i2m::sqlgen::parse_arguments({argv, static_cast<std::size_t>(argc)});
  if (!arguments) {
    fmt::print(stderr, "usage: sqlgen --db CONNINFO [--check] FILE.sql...\n");
    return 2;
  }
  return i2m::sqlgen::run(*arguments);
}
