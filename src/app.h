#pragma once

#include <string>

#include "db/migrate.h"
#include "db/pool.h"
#include "identity/passwords.h"
#include "redis/client.h"
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

/// Connection settings for the three roles, and Redis.
Result<db::Settings> database(const Settings& settings, std::string_view name);
Result<redis::Settings> redis_settings(const Settings& settings);
/// How passwords are hashed: the same for whoever makes them and whoever checks them.
Result<identity::Passwords::Settings> password_settings(const Settings& settings);

}  // namespace i2m::app
