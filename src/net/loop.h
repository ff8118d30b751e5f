#pragma once

#include <boost/asio/io_context.hpp>

#include "db/pool.h"
#include "net/notices.h"
#include "redis/client.h"

namespace i2m::net {

/// One event loop and what belongs to it alone: its thread, its PostgreSQL connections, its Redis connections.
/// `prefix` begins every Redis key and channel, so that several installations (and tests) can share a server.
struct Loop {
  Loop(int index_, const db::Settings& db_settings, const redis::Settings& redis_settings, const std::string& prefix_)
      : index{index_},
        prefix{prefix_},
        db{io, db_settings},
        redis{io, redis_settings},
        notices{io, redis_settings, prefix_} {}

  const int index;
  const std::string prefix;
  boost::asio::io_context io{1};
  db::Pool db;
  redis::Client redis;
  Notices notices;
};

}  // namespace i2m::net
