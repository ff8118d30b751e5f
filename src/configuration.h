#pragma once

#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <string_view>

#include "db/pool.h"
#include "identity/passwords.h"
#include "identity/token.h"
#include "image/decoder.h"
#include "jobs/jobs.h"
#include "net/server.h"
#include "providers/fal/fal.h"
#include "redis/client.h"
#include "settings.h"
#include "storage/links.h"
#include "storage/storage.h"

/// What config/defaults.env and the environment mean to each part. Nothing here connects to anything.
///
/// Errors, of all: Code::Invalid naming the setting that is missing or wrong.
namespace i2m::app {

/// Connection settings for the three roles, and Redis.
Result<db::Settings> database(const Settings& settings, std::string_view name);
Result<redis::Settings> redis_settings(const Settings& settings);
/// How passwords are hashed: the same for whoever makes them and whoever checks them.
Result<identity::Passwords::Settings> password_settings(const Settings& settings);

/// The setting, or the machine's cores where it is 0.
Result<std::size_t> count_or_cores(const Settings& settings, std::string_view name);
/// Also tries it. Errors: Code::Unavailable too, where its walls cannot be put up.
Result<image::Decoder> picture_decoder(const Settings& settings);
/// `listen`: the setting that names address and port.
Result<net::ServerSettings> server_settings(const Settings& settings, std::string_view listen);
Result<providers::fal::Settings> fal_settings(const Settings& settings);
Result<jobs::Settings> job_settings(const Settings& settings);
Result<identity::TokenKeys> token_keys(const Settings& settings);
Result<storage::Links> links(const Settings& settings);
/// `files`: the threads that its work is done on.
Result<storage::Store> store(const Settings& settings, boost::asio::thread_pool& files);
Result<std::unique_ptr<boost::asio::thread_pool>> file_threads(const Settings& settings);

}  // namespace i2m::app
