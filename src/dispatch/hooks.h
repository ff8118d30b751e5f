#pragma once

#include <memory>
#include <vector>

#include "net/router.h"
#include "providers/fal/signature.h"

namespace i2m::dispatch {

/// Takes the outside provider's webhooks: POST /api/v1/hooks/fal/{token}. They only make things quicker: polling finds
/// out the same, except for a submit whose answer was lost, which nothing else can resolve.
class Hooks {
 public:
  /// `jwks_url`: where the provider publishes the keys it signs with.
  Hooks(std::string jwks_url, const Clock& clock) : jwks_url_{std::move(jwks_url)}, clock_{clock} {}
  /// Before the loop runs, once a loop.
  void attach(net::Loop& loop);
  void routes(net::Router& router);

 private:
  struct HookIn;
  struct PerLoop {
    PerLoop(net::Loop& loop, const std::string& url, const Clock& clock)
        : fetcher{loop.io, "image2model"}, keys{fetcher, url, clock} {}
    net::Fetcher fetcher;
    providers::fal::Keys keys;
  };
  Task<net::Answer> receive(net::Ctx& ctx, const HookIn& in);

  std::string jwks_url_;
  const Clock& clock_;
  std::vector<std::unique_ptr<PerLoop>> loops_;
};

}  // namespace i2m::dispatch
