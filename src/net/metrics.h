#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace i2m::net {

/// The process's registry, and what every endpoint counts. Recording is thread-safe; adding is for start-up only.
class Metrics {
 public:
  Metrics();

  void add_endpoint(std::string_view id);
  void observe(std::string_view id, int status, double seconds);
  /// A refusal that the contract does not list: a bug, tests assert that none was counted.
  void count_undeclared(std::string_view id);
  /// Text exposition format 0.0.4.
  std::string text() const;

  prometheus::Counter& counter(const std::string& name, const std::string& help, const prometheus::Labels& labels = {});
  prometheus::Gauge& gauge(const std::string& name, const std::string& help, const prometheus::Labels& labels = {});

 private:
  struct Row {
    prometheus::Histogram* seconds = nullptr;
    std::array<prometheus::Counter*, 6> by_class{};  // [2] counts 2xx
    prometheus::Counter* undeclared = nullptr;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Histogram>* seconds_;
  prometheus::Family<prometheus::Counter>* requests_;
  prometheus::Family<prometheus::Counter>* undeclared_;
  std::unordered_map<std::string, Row, Hash, std::equal_to<>> rows_;
};

}  // namespace i2m::net
