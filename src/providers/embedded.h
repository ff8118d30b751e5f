#pragma once

#include <boost/asio/thread_pool.hpp>

#include "image/decoder.h"
#include "providers/provider.h"

namespace i2m::providers {

/// The engine in this process, on threads of its own: an order takes one of them for about half a second. Pictures
/// are decoded behind the walls of `decoder`.
class Embedded final : public Provider {
 public:
  Embedded(int threads, image::Decoder decoder)
      : threads_{threads}, decoder_{std::move(decoder)}, pool_{static_cast<std::size_t>(threads)} {}
  ~Embedded() override { pool_.join(); }
  std::string_view name() const override { return "embedded"; }
  int slots() const override { return threads_; }
  Task<Made> make(const Order& order, Progress& progress) override;

 private:
  int threads_;
  image::Decoder decoder_;
  boost::asio::thread_pool pool_;
};

}  // namespace i2m::providers
