#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace i2m::cli {

/// Errors: Code::NotFound when the file cannot be read; Code::FileTooLarge beyond `bytes_max`. Both blame "in".
Result<std::vector<std::uint8_t>> read_file(const std::string& path, std::size_t bytes_max);

/// Whole or not at all (temporary file, then rename): readers of `path` see the old file or the new one.
/// Errors: Code::Unavailable, blaming "out".
Result<> write_file(const std::string& path, std::span<const std::uint8_t> bytes);

/// Sends off what was printed. Errors: Code::Unavailable when standard output did not take all of it: a full disk.
Result<> finish_output();

}  // namespace i2m::cli
