#include <array>

#include "sandbox/fal_gateway.h"

namespace i2m::sandbox::fal {
namespace {

enum class Host : std::uint8_t { Unknown, Queue, Run, Rest, Platform, Cdn };

constexpr std::array host_names{
    std::pair{std::string_view{"queue.fal.run"}, Host::Queue},
    std::pair{std::string_view{"queue.falrun.com"}, Host::Queue},
    std::pair{std::string_view{"fal.run"}, Host::Run},
    std::pair{std::string_view{"falrun.com"}, Host::Run},
    std::pair{std::string_view{"rest.fal.ai"}, Host::Rest},
    std::pair{std::string_view{"rest.alpha.fal.ai"}, Host::Rest},
    std::pair{std::string_view{"api.fal.ai"}, Host::Platform},
    std::pair{std::string_view{"fal.media"}, Host::Cdn},
    std::pair{std::string_view{"v3.fal.media"}, Host::Cdn},
    std::pair{std::string_view{"v3b.fal.media"}, Host::Cdn},
};

Host host_named(std::string_view name) {
  const auto* const found = std::ranges::find(host_names, name, &std::pair<std::string_view, Host>::first);
  return found == host_names.end() ? Host::Unknown : found->second;
}

/// The host that is meant; takes it off `path` where it stands there.
Host host_of(const Request& request, std::string& path) {
  if (std::string_view target = request.header("x-fal-target-url"); target.starts_with("https://")) {
    target.remove_prefix(std::string_view{"https://"}.size());
    const std::size_t slash = std::min(target.find('/'), target.size());
    path = target.substr(slash, target.find('?') - slash);
    return host_named(target.substr(0, slash));
  }
  const std::size_t end = std::min(path.find('/', 1), path.size());
  if (const Host host = host_named(std::string_view{path}.substr(1, end - 1)); host != Host::Unknown) {
    path.erase(0, end);
    return host;
  }
  const std::string_view original = request.header("x-orig-host");
  return host_named(original.empty() ? request.header("host") : original);
}

Step cdn_step(const Request& request, std::string_view path) {
  if (request.method == "GET" || request.method == "HEAD") return Step::File;
  if (path == "/files/upload" || path == "/files/upload/multipart") return Step::Upload;
  if (path.ends_with("/complete")) return Step::Complete;
  return part_path(path).number > 0 ? Step::Part : Step::Upload;
}

Step rest_step(std::string_view path) {
  if (path.starts_with("/storage/upload/initiate")) return Step::Initiate;
  if (path.starts_with("/storage/auth/token") || path.starts_with("/tokens")) return Step::Token;
  if (path == "/.well-known/jwks.json") return Step::Jwks;
  return Step::Unknown;
}

Step platform_step(std::string_view path) {
  if (path.ends_with("/models/pricing")) return Step::Pricing;
  if (path.ends_with("/models/usage")) return Step::Usage;
  if (path.ends_with("/models/billing-events")) return Step::Billing;
  return Step::Unknown;
}

/// `rest`: what comes after the request's id.
Step queue_step(const Request& request, std::string_view rest) {
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (request.method == "PUT") return rest == "/cancel" ? Step::Cancel : Step::Unknown;
  if (request.method != "GET") return Step::Unknown;
  if (rest.empty() || rest == "/response") return Step::Result;
  if (rest == "/status") return Step::Status;
  return rest == "/status/stream" ? Step::Stream : Step::Unknown;
}

}  // namespace

Route route_of(const Request& request) {
  Route route;
  route.path = request.path;
  const Host host = host_of(request, route.path);
  const std::string_view path = route.path;
  if (path.starts_with("/_sandbox")) {
    route.step = Step::Control;
  } else if (host == Host::Cdn || path.starts_with("/files/")) {
    route.step = cdn_step(request, path);
  } else if (const Step rest = rest_step(path); host == Host::Rest || rest != Step::Unknown) {
    route.step = rest;
  } else if (host == Host::Platform || path.starts_with("/v1/models/")) {
    route.step = platform_step(path);
  } else if (constexpr std::string_view mark = "/requests/"; path.contains(mark)) {
    const std::size_t at = path.find(mark);
    const std::size_t id_at = at + mark.size();
    const std::size_t id_end = std::min(path.find('/', id_at), path.size());
    route.endpoint = path.substr(1, at - 1);
    route.request_id = path.substr(id_at, id_end - id_at);
    route.step = queue_step(request, path.substr(id_end));
  } else if (request.method == "POST") {
    route.endpoint = path.substr(std::min<std::size_t>(1, path.size()));
    while (route.endpoint.ends_with('/')) route.endpoint.pop_back();
    route.step = host == Host::Run ? Step::Run : Step::Submit;
  }
  return route;
}

}  // namespace i2m::sandbox::fal
