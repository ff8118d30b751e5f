#include "cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace i2m::cli {

std::optional<std::string> empty_option(const CLI::App& parsed) {
  for (const CLI::Option* const option : parsed.parse_order()) {
    if (std::ranges::none_of(option->results(), [](const std::string& text) { return text.empty(); })) continue;
    const std::string name = option->get_name();
    return name + " is empty: " + (option->get_positional() ? "name a file" : "give it a value, or leave it out");
  }
  return std::nullopt;
}

}  // namespace i2m::cli
