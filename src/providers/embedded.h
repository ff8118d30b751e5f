#pragma once

#include <boost/asio/thread_pool.hpp>
#include <memory>

#include "image/decoder.h"
#include "providers/provider.h"

namespace i2m::engine {
class Network;
}

namespace i2m::providers {

/// The engine in this process, on threads of its own: an order takes one of them for about half a second. Pictures
/// are decoded behind the walls of `decoder`.
class Embedded final : public Provider {
 public:
  /// `matting`: the operator's own network for masks (engine/matting.h), or none.
  Embedded(int threads, image::Decoder decoder, std::unique_ptr<const engine::Network> matting);
  ~Embedded() override;
  std::string_view name() const override { return "embedded"; }
  int slots() const override { return threads_; }
  Task<Made> make(Order& order, Progress& progress) override;

 private:
  int threads_;
  image::Decoder decoder_;
  std::unique_ptr<const engine::Network> matting_;
  boost::asio::thread_pool pool_;
};

}  // namespace i2m::providers
