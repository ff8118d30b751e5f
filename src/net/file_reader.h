#pragma once

#include <boost/asio/thread_pool.hpp>

#include <span>
#include <string>

#include "base/task.h"

namespace i2m::net {

/// An open file, read on a pool. Errors: Code::NotFound, Code::Unavailable.
class FileReader {
 public:
  static Task<FileReader> open(boost::asio::thread_pool& pool, std::string path, std::uint64_t offset);
  FileReader(FileReader&& other) noexcept;
  FileReader& operator=(FileReader&&) = delete;
  ~FileReader();
  /// Up to `into.size()` bytes; 0 at the end.
  Task<std::size_t> read(std::span<char> into);

 private:
  FileReader(boost::asio::thread_pool& pool, int fd) : pool_{&pool}, fd_{fd} {}
  boost::asio::thread_pool* pool_;
  int fd_;
};

}  // namespace i2m::net
