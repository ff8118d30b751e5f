#include "base/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/clock.h"
#include "base/text.h"

namespace i2m::log {
namespace {

constexpr std::size_t queue_lines_max = 8192;

std::shared_ptr<spdlog::logger> sink;
std::shared_ptr<spdlog::details::thread_pool> writer;
std::string program_name = "image2model";
Level threshold = Level::Warn;

std::string_view name_of(Level level) {
  switch (level) {
    case Level::Debug:
      return "debug";
    case Level::Info:
      return "info";
    case Level::Warn:
      return "warn";
    case Level::Error:
      return "error";
  }
  return "error";
}

}  // namespace

Field::Field(std::string_view n, std::string_view text) : name{n}, json{quote(text)} {}

std::string quote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else if (static_cast<unsigned char>(c) < 0x80) {
          out += c;
        } else if (const std::size_t bytes = character_bytes(text.substr(i)); bytes > 0) {
          out += text.substr(i, bytes);
          i += bytes - 1;
        } else {
          out += "\\ufffd";  // what is no text must not make what it stands in unreadable
        }
    }
  }
  out += '"';
  return out;
}

void start(std::string_view program, Level level) {
  program_name = program;
  threshold = level;
  writer = std::make_shared<spdlog::details::thread_pool>(queue_lines_max, 1);
  sink = std::make_shared<spdlog::async_logger>("i2m", std::make_shared<spdlog::sinks::stderr_sink_mt>(), writer,
                                                spdlog::async_overflow_policy::overrun_oldest);
  sink->set_pattern("%v");
  sink->set_level(spdlog::level::trace);
}

void flush() {
  if (sink) sink->flush();
}

std::uint64_t dropped() { return writer ? writer->overrun_counter() : 0; }

void write(Level level, std::string_view event, Fields fields) {
  if (level < threshold) return;
  std::string line = fmt::format(R"({{"at":"{}","level":"{}","program":"{}","event":"{}")",
                                 to_rfc3339(SystemClock{}.now()), name_of(level), program_name, event);
  for (const Field& field : fields) fmt::format_to(std::back_inserter(line), R"(,"{}":{})", field.name, field.json);
  line += '}';
  if (sink) {
    sink->info(line);
  } else {
    fmt::print(stderr, "{}\n", line);
  }
}

std::string describe(const Error& error) {
  return fmt::format("code {} field '{}' message '{}' detail '{}' at {}:{}", static_cast<int>(error.code), error.field,
                     error.message, error.detail, error.at.file_name(), error.at.line());
}

}  // namespace i2m::log
