#include "cli/outputs.h"

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

}  // namespace i2m::cli
