#pragma once

#include <map>
#include <string>

#include "base/result.h"

namespace i2m::cli {

/// A file that a command was told to write.
struct Output {
  std::string option, path;  // "--preview" and the file
};

/// A folder that is there, or that its name ("models/") asks for.
bool is_folder(const std::string& path);

/// The files of one call of a command, claimed before any of them is written, so that none takes another's place.
class Outputs {
 public:
  /// `in` is what the file is made of. The same file under two names is seen through links and "..".
  ///
  /// Errors: Code::Invalid, naming the options: it would overwrite `in`, or somebody has claimed it.
  Result<> claim(const std::string& in, const Output& output);

 private:
  struct Claim {
    std::string in, option;
  };
  std::map<std::string, Claim> claimed_;
};

/// Pictures are written as PNG whatever the name says. Nothing to refuse where none is asked for or a folder is named.
///
/// Errors: Code::Invalid, naming the option, unless the name ends in .png.
Result<> must_be_png(const Output& output);

}  // namespace i2m::cli
