#pragma once

#include "base/offload.h"

namespace i2m::storage {

template <class F>
Task<std::invoke_result_t<F, std::span<const std::uint8_t>>> Incoming::look(F look_at) {
  CO_TRY(const std::span<const std::uint8_t> bytes, co_await map());
  // Unmapped on the pool as well: what a late loop has not come back for would otherwise stay in memory.
  const auto work = [&] {
    struct Unmap {
      std::span<const std::uint8_t> mapped;
      ~Unmap() { Incoming::unmap(mapped); }
    } const at_the_end{bytes};
    return look_at(bytes);
  };
  co_return co_await offload(store_->pool(), work);
}

}  // namespace i2m::storage
