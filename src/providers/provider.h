#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/task.h"

namespace i2m::providers {

/// What is to be made. Whoever makes it lets go of `picture` as soon as it has gone where it must: hundreds may wait.
struct Order {
  CompanyId company;
  ItemId item;
  int attempt = 1;
  int triangles_max = 0;
  std::string model;       // of the provider's catalogue; empty where it has none
  std::string parameters;  // what the model takes beside the picture: a JSON object
  std::vector<std::uint8_t> picture;
};

/// How far it is: written by the provider from whatever thread, read by the worker's heartbeat.
struct Progress {
  std::atomic<const char*> stage{"starting"};  // a literal
  std::atomic<float> fraction{0};
  std::atomic<bool> cancelled{false};  // the worker's wish; the provider stops when it can, and leaves what is outside
  std::atomic<bool> unwanted{false};   // the owner's: what costs is to be stopped, and what came of it to be told
};

struct Made {
  std::vector<std::uint8_t> glb;
  std::shared_ptr<void> place = {};  // of the few whose models are in memory at once; given back with it
};

/// Makes models: the embedded engine, or a service outside. What it answers is not believed: the worker measures it.
class Provider {
 public:
  virtual ~Provider() = default;
  virtual std::string_view name() const = 0;
  /// How many orders it can take at once.
  virtual int slots() const = 0;
  /// For one attempt of one item, where the usual one does not fit.
  virtual std::optional<std::chrono::seconds> make_timeout() const { return std::nullopt; }
  /// Errors: a code about the picture ends the item; Code::Unavailable and Code::StorageFull may be tried again;
  /// Code::ProviderPaused puts it back without counting; Code::OutcomeUnknown: it may have been paid for, so it must
  /// wait as unsure; Code::Cancelled when it has stopped.
  virtual Task<Made> make(Order& order, Progress& progress) = 0;
};

}  // namespace i2m::providers
