#include "cli/outputs.h"

#include <cctype>
#include <filesystem>
#include <system_error>
#include <utility>

namespace i2m::cli {
namespace {

namespace fs = std::filesystem;

std::string where(const std::string& path) {
  std::error_code error;
  const fs::path there = fs::weakly_canonical(fs::absolute(path, error), error);
  return error ? fs::path(path).lexically_normal() : there;
}

}  // namespace

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return path.ends_with('/') || fs::is_directory(path, ignored);
}

Result<> Outputs::claim(const std::string& in, const Output& output) {
  const auto& [option, path] = output;
  std::error_code ignored;
  if (fs::equivalent(in, path, ignored)) {
    return refuse(Code::Invalid, "", option + ": " + in + " would be overwritten by its own result; give another name");
  }
  const auto [there, fresh] = claimed_.emplace(where(path), Claim{in, option});
  if (fresh) return {};
  const Claim& first = there->second;
  if (first.in != in) {
    return refuse(Code::Invalid, "", first.in + " and " + in + " would both become " + path + "; convert them apart");
  }
  return refuse(Code::Invalid, "",
                first.option + " and " + option + " would both write " + path + "; give them different names");
}

Result<> must_be_png(const Output& output) {
  std::string end = fs::path(output.path).extension();
  for (char& c : end) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (output.path.empty() || is_folder(output.path) || end == ".png") return {};
  return refuse(Code::Invalid, "", output.option + " writes a PNG; its name must end in .png: " + output.path);
}

}  // namespace i2m::cli
