#include "net/notices.h"

namespace i2m::net {

Notices::Notices(boost::asio::io_context& io, const redis::Settings& settings, std::string prefix)
    : prefix_{std::move(prefix)},
      subscriber_{io, settings,
                  [this](std::string_view channel, std::string_view payload) { deliver(channel, payload); },
                  [this] {
                    for (auto& [channel, heard] : listeners_) deliver(channel, "");
                  }} {}

Notices::Subscription Notices::listen(std::string channel, Heard heard) {
  std::string full = prefix_ + channel;
  auto& here = listeners_[full];
  if (here.empty()) subscriber_.subscribe(full);
  const std::uint64_t id = next_++;
  here.emplace(id, std::move(heard));
  return Subscription{*this, std::move(full), id};
}

redis::Command Notices::notice(std::string_view channel, std::string payload) const {
  return {"PUBLISH", prefix_ + std::string{channel}, std::move(payload)};
}

void Notices::leave(const std::string& channel, std::uint64_t id) {
  const auto here = listeners_.find(channel);
  if (here == listeners_.end()) return;
  here->second.erase(id);
  if (!here->second.empty()) return;
  listeners_.erase(here);
  subscriber_.unsubscribe(channel);
}

void Notices::deliver(std::string_view channel, std::string_view payload) {
  const auto here = listeners_.find(channel);
  if (here == listeners_.end()) return;
  const auto heard = here->second;  // a listener may leave, or another come, while they are called
  for (const auto& [id, call] : heard) call(payload);
}

Notices::Subscription& Notices::Subscription::operator=(Subscription&& other) noexcept {
  std::swap(notices_, other.notices_);
  std::swap(channel_, other.channel_);
  std::swap(id_, other.id_);
  return *this;
}

Notices::Subscription::~Subscription() {
  if (notices_ != nullptr) notices_->leave(channel_, id_);
}

}  // namespace i2m::net
