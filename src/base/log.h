#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace i2m::log {

enum class Level { Debug, Info, Warn, Error };

/// One name and its value: numbers stay numbers, everything else is a JSON string.
struct Field {
  std::string_view name;
  std::string json;

  Field(std::string_view n, std::string_view text);
  Field(std::string_view n, const char* text) : Field{n, std::string_view{text}} {}
  Field(std::string_view n, const std::string& text) : Field{n, std::string_view{text}} {}
  Field(std::string_view n, bool b) : name{n}, json{b ? "true" : "false"} {}
  template <class T>
    requires std::is_arithmetic_v<T>
  Field(std::string_view n, T number) : name{n}, json{fmt::format("{}", number)} {}
};
using Fields = std::initializer_list<Field>;

/// Starts the sink: one JSON object a line on stderr, written by a background thread; when the pipe is blocked lines
/// are dropped and counted rather than holding a request up. Until then lines below Warn are dropped.
void start(std::string_view program, Level level);
void flush();
/// Lines dropped because the sink was too slow.
std::uint64_t dropped();

/// `event` is a fixed snake_case word that can be searched for; what varies goes into fields.
void write(Level level, std::string_view event, Fields fields);
inline void debug(std::string_view event, Fields fields = {}) { write(Level::Debug, event, fields); }
inline void info(std::string_view event, Fields fields = {}) { write(Level::Info, event, fields); }
inline void warn(std::string_view event, Fields fields = {}) { write(Level::Warn, event, fields); }
inline void error(std::string_view event, Fields fields = {}) { write(Level::Error, event, fields); }

/// An Error on one line: code, detail, place. For the "error" field.
std::string describe(const Error& error);

/// `text` as a JSON string with its quotes.
std::string quote(std::string_view text);

}  // namespace i2m::log
