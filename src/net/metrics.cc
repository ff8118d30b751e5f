#include "net/metrics.h"

#include <prometheus/text_serializer.h>

#include <fmt/format.h>

namespace i2m::net {

Metrics::Metrics()
    : seconds_{&prometheus::BuildHistogram()
                    .Name("http_request_seconds")
                    .Help("Time from the last byte of the head to the answer")
                    .Register(registry_)},
      requests_{&prometheus::BuildCounter()
                     .Name("http_requests_total")
                     .Help("Answers by endpoint and class")
                     .Register(registry_)},
      undeclared_{&prometheus::BuildCounter()
                       .Name("http_undeclared_refusals_total")
                       .Help("Refusals that the endpoint's contract does not list")
                       .Register(registry_)} {}

void Metrics::add_endpoint(std::string_view id) {
  const std::string name{id};
  Row row;
  row.seconds = &seconds_->Add(
      {{"endpoint", name}},
      prometheus::Histogram::BucketBoundaries{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30});
  for (std::size_t i = 2; i < row.by_class.size(); ++i) {
    row.by_class[i] = &requests_->Add({{"endpoint", name}, {"class", fmt::format("{}xx", i)}});
  }
  row.undeclared = &undeclared_->Add({{"endpoint", name}});
  rows_.emplace(name, row);
}

void Metrics::observe(std::string_view id, int status, double seconds) {
  const auto row = rows_.find(id);
  if (row == rows_.end()) return;
  row->second.seconds->Observe(seconds);
  const auto status_class = static_cast<std::size_t>(status / 100);
  if (status_class < row->second.by_class.size() && row->second.by_class[status_class] != nullptr) {
    row->second.by_class[status_class]->Increment();
  }
}

void Metrics::count_undeclared(std::string_view id) {
  if (const auto row = rows_.find(id); row != rows_.end()) row->second.undeclared->Increment();
}

std::string Metrics::text() const { return prometheus::TextSerializer{}.Serialize(registry_.Collect()); }

prometheus::Counter& Metrics::counter(const std::string& name, const std::string& help,
                                      const prometheus::Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add(labels);
}

prometheus::Gauge& Metrics::gauge(const std::string& name, const std::string& help, const prometheus::Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add(labels);
}

}  // namespace i2m::net
