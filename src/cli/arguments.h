#pragma once

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace i2m::cli {

/// What to say of the first option or file that was given with nothing in it, as a script's unset variable gives it;
/// CLI11 takes some of these for the default.
std::optional<std::string> empty_option(const CLI::App& parsed);

}  // namespace i2m::cli
