#pragma once

#include <boost/asio/thread_pool.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "base/ids.h"
#include "base/task.h"

namespace i2m::storage {

/// Where an object lies: "uploads/{company}/{job}/{file}" or "results/{company}/{job}/{file}". Made here only, from
/// ids.
enum class Area { Uploads, Results };
std::string key_of(Area area, CompanyId company, JobId job, ItemId item, std::string_view extension);

class Store;

/// A file that is being received: it lies under tmp/ until keep() and vanishes with this object otherwise.
class Incoming {
 public:
  Incoming(Incoming&&) noexcept;
  Incoming& operator=(Incoming&&) noexcept;
  ~Incoming();

  /// Appends, and hashes on the way. Errors: Code::StorageFull, Code::Unavailable. `bytes` must live until it answers.
  Task<> write(std::span<const char> bytes);
  std::uint64_t size() const { return size_; }
  /// All of it, mapped, for `look` to read on the pool; what `look` answers comes back. Not after keep().
  template <class F>
  Task<std::invoke_result_t<F, std::span<const std::uint8_t>>> look(F look_at);
  /// Of everything written. Once, at the end.
  Sha256 sha256() { return hasher_.finish(); }
  /// Syncs it and moves it to `key`: after this it survives a loss of power.
  Task<> keep(std::string key);

 private:
  friend class Store;
  Incoming(Store& store, std::string path, int fd);
  Task<std::span<const std::uint8_t>> map();
  static void unmap(std::span<const std::uint8_t> bytes);

  Store* store_;
  std::string path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  Hasher hasher_;
};

/// Files on a disk that every process of the installation sees. Writes are atomic: a reader finds the whole object or
/// none. All of it runs on `pool`; the loop never waits for the disk.
class Store {
 public:
  /// Makes the folders. Errors: Code::Unavailable, saying which folder cannot be made.
  static Result<Store> open(std::filesystem::path root, boost::asio::thread_pool& pool);

  Task<Incoming> receive();
  /// Errors: Code::StorageFull, Code::Unavailable.
  Task<> put(std::string key, std::span<const std::uint8_t> bytes);
  /// Errors: Code::NotFound; Code::Internal when there are more than `bytes_max`.
  Task<std::vector<std::uint8_t>> get(std::string key, std::size_t bytes_max);
  /// Absent is as good as removed.
  Task<> remove(std::string key);
  std::string path_of(std::string_view key) const { return root_ / key; }

  /// Removes what was left behind under tmp/ for longer than `age`. Answers how many files.
  Task<int> sweep_tmp(std::chrono::seconds age);
  /// Jobs with a folder older than `age`, at most `limit`: the sweeper asks the database which of them exist.
  Task<std::vector<std::pair<CompanyId, JobId>>> old_job_folders(Area area, std::chrono::seconds age,
                                                                 std::size_t limit);
  /// Keys of results that were written between `from` and `to` ago: the sweeper asks the database which of them are
  /// booked.
  Task<std::vector<std::string>> results_written(std::chrono::seconds from, std::chrono::seconds to, std::size_t limit);
  Task<> remove_job_folder(Area area, CompanyId company, JobId job);
  /// Bytes that are still free where the files lie.
  Task<std::uint64_t> free_bytes();

  boost::asio::thread_pool& pool() const { return *pool_; }

 private:
  friend class Incoming;
  Store(std::filesystem::path root, boost::asio::thread_pool& pool) : root_{std::move(root)}, pool_{&pool} {}
  std::filesystem::path root_;
  boost::asio::thread_pool* pool_;
};

}  // namespace i2m::storage

#include "storage/look.inl"
