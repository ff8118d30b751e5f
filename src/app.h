#pragma once

#include <string>

#include "db/migrate.h"
#include "settings.h"

/// The only place that builds things and hands them out: one function a role, each until SIGTERM or SIGINT.
namespace i2m::app {

/// Errors: Code::Invalid names the setting that is missing or wrong; Code::Unavailable what cannot be reached.
Result<> serve(const Settings& settings);
Result<> work(const Settings& settings);
Result<> schedule(const Settings& settings);

/// The OpenAPI document of the endpoints that serve() offers.
std::string openapi();

/// The files of db/migrations, carried in the program.
std::vector<db::Migration> migrations();

}  // namespace i2m::app
