#pragma once

#include <map>
#include <string>

#include "base/result.h"

namespace i2m::cli {

/// A file that a command was told to write.
struct Output {
  std::string option, path;  // "--preview" and the file
};

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

}  // namespace i2m::cli
