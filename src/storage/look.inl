#pragma once

#include "base/offload.h"

namespace i2m::storage {

template <class F>
Task<std::invoke_result_t<F, std::span<const std::uint8_t>>> Incoming::look(F look_at) {
  CO_TRY(const std::span<const std::uint8_t> bytes, co_await map());
  const auto work = [&] { return look_at(bytes); };
  auto answer = co_await offload(store_->pool(), work);
  unmap(bytes);
  co_return answer;
}

}  // namespace i2m::storage
