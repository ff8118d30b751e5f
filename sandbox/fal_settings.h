#pragma once

#include <boost/json/object.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sandbox/http.h"

namespace i2m::sandbox::fal {

/// What the simulated account and its clock are like. All of it may change while the simulator runs
/// (/_sandbox/settings).
struct Settings {
  std::int64_t concurrency = 2;            // requests in progress at once, of the whole account
  std::int64_t queue_ms = 0;               // at least so long in the queue
  std::int64_t run_ms = 300;               // at least so long in progress
  std::int64_t log_ms = 100;               // a line of the log so often
  std::int64_t result_ms = 3'600'000;      // a result is kept so long where the caller stores nothing
  std::int64_t large_result_ms = 360'000;  // likewise when it has 10 KiB or more
  std::int64_t stored_result_ms = 2'592'000'000;
  std::int64_t file_ms = 604'800'000;       // a file of the CDN without a lifecycle of its own
  std::int64_t null_lifecycle_ms = 60'000;  // one whose lifecycle was sent as null or 0
  std::int64_t stream_comment_ms = 15'000;
  std::int64_t webhook_timeout_ms = 15'000;
  std::int64_t webhook_retry_ms = 1'000;  // the first pause; each one after it is twice as long
  std::int64_t webhook_retries = 10;
  std::int64_t poll_floor_ms = 0;           // a status asked for sooner than that after the last is a violation; 0: off
  std::int64_t picture_timeout_ms = 5'000;  // for the download of a picture that a request names
};

struct SettingName {
  std::string_view name;
  std::int64_t Settings::* value;
  std::int64_t least;
};

inline constexpr std::array setting_names{
    SettingName{"concurrency", &Settings::concurrency, 1},
    SettingName{"queue_ms", &Settings::queue_ms, 0},
    SettingName{"run_ms", &Settings::run_ms, 0},
    SettingName{"log_ms", &Settings::log_ms, 1},
    SettingName{"result_ms", &Settings::result_ms, 0},
    SettingName{"large_result_ms", &Settings::large_result_ms, 0},
    SettingName{"stored_result_ms", &Settings::stored_result_ms, 0},
    SettingName{"file_ms", &Settings::file_ms, 0},
    SettingName{"null_lifecycle_ms", &Settings::null_lifecycle_ms, 0},
    SettingName{"stream_comment_ms", &Settings::stream_comment_ms, 1},
    SettingName{"webhook_timeout_ms", &Settings::webhook_timeout_ms, 1},
    SettingName{"webhook_retry_ms", &Settings::webhook_retry_ms, 0},
    SettingName{"webhook_retries", &Settings::webhook_retries, 0},
    SettingName{"poll_floor_ms", &Settings::poll_floor_ms, 0},
    SettingName{"picture_timeout_ms", &Settings::picture_timeout_ms, 1},
};

boost::json::object json_of(const Settings& settings);
/// All of `changes` or nothing. Errors: Code::Invalid names the setting that is unknown or out of range.
Result<> change(Settings& settings, const boost::json::object& changes);

/// What does not change while it runs.
struct Options {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::string url;           // what the returned URLs begin with; empty: http://address:port
  std::string key;           // the only key that is accepted, id:secret; empty: every well-formed one
  std::string webhook_seed;  // 64 hex digits of the first signing key; empty: a fixed one
  int engine_threads = 1;
};

}  // namespace i2m::sandbox::fal
