#pragma once

#include <filesystem>
#include <string>

#include "net/metrics.h"
#include "net/router.h"
#include "net/server.h"

namespace i2m {

/// What operators and monitors ask: health, metrics. `shared` tells whether the process is stopping.
void operation_routes(net::Router& router, net::Metrics& metrics, const net::Shared& shared);
/// GET /api/v1/openapi.json: of everything in `router` by the time it is asked.
void openapi_route(net::Router& router);
std::string openapi_of(const net::Router& router);

/// The web app's files, as they lie in `root` when this is called: a name that is not among them is never opened.
/// Errors: Code::Invalid when `root` has no index.html.
Result<net::Handler> pages(const std::filesystem::path& root);

}  // namespace i2m
