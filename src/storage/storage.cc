#include "storage/storage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/ensure.h"
#include "base/log.h"

namespace i2m::storage {
namespace fs = std::filesystem;
namespace {

std::unexpected<Error> disk_error(int error, std::string_view what, std::string_view path) {
  const Code code = error == ENOSPC || error == EDQUOT ? Code::StorageFull
                    : error == ENOENT                  ? Code::NotFound
                                                       : Code::Unavailable;
  return fail(code, fmt::format("{} {}: {}", what, path, std::strerror(error)));
}

Result<> write_all(int fd, std::span<const char> bytes, std::string_view path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return disk_error(errno, "write", path);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Result<> sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return disk_error(errno, "open", folder.native());
  const bool synced = ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (!synced) return disk_error(error, "fsync", folder.native());
  return {};
}

// Makes `folder` and what is missing above it; each new name is synced into its parent, or a power cut could take it.
Result<> make_folders(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) return sync_folder(folder.parent_path());
  if (errno == EEXIST) return {};
  if (errno != ENOENT) return disk_error(errno, "mkdir", folder.native());
  CHECK_OK(make_folders(folder.parent_path()));
  return make_folders(folder);
}

Result<> move_into_place(int fd, const std::string& from, const fs::path& to) {
  if (::fsync(fd) != 0) return disk_error(errno, "fsync", from);
  CHECK_OK(make_folders(to.parent_path()));
  if (::rename(from.c_str(), to.c_str()) != 0) return disk_error(errno, "rename", to.native());
  return sync_folder(to.parent_path());
}

std::string_view name_of(Area area) { return area == Area::Uploads ? "uploads" : "results"; }

}  // namespace

std::string key_of(Area area, CompanyId company, JobId job, ItemId item, std::string_view extension) {
  return fmt::format("{}/{}/{}/{}.{}", name_of(area), company.text(), job.text(), item.text(), extension);
}

// --- Incoming

Incoming::Incoming(Store& store, std::string path, int fd) : store_{&store}, path_{std::move(path)}, fd_{fd} {}

Incoming::Incoming(Incoming&& other) noexcept
    : store_{other.store_},
      path_{std::move(other.path_)},
      fd_{std::exchange(other.fd_, -1)},
      size_{other.size_},
      hasher_{std::move(other.hasher_)} {}

Incoming& Incoming::operator=(Incoming&& other) noexcept {
  std::swap(store_, other.store_);
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(hasher_, other.hasher_);
  return *this;
}

Incoming::~Incoming() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(path_.c_str());
}

Task<> Incoming::write(std::span<const char> bytes) {
  const auto work = [&]() -> Result<> {
    hasher_.add(bytes);
    return write_all(fd_, bytes, path_);
  };
  Result<> done = co_await offload(store_->pool(), work);
  size_ += bytes.size();
  co_return done;
}

Task<std::span<const std::uint8_t>> Incoming::map() {
  using Bytes = std::span<const std::uint8_t>;
  if (size_ == 0) co_return Bytes{};
  void* const at = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd_, 0);
  if (at == MAP_FAILED) co_return disk_error(errno, "mmap", path_);
  co_return Bytes{static_cast<const std::uint8_t*>(at), size_};
}

void Incoming::unmap(std::span<const std::uint8_t> bytes) {
  if (!bytes.empty()) ::munmap(const_cast<std::uint8_t*>(bytes.data()), bytes.size());
}

Task<> Incoming::keep(std::string key) {
  const fs::path to = store_->path_of(key);
  const auto work = [&] { return move_into_place(fd_, path_, to); };
  Result<> done = co_await offload(store_->pool(), work);
  if (done) ::close(std::exchange(fd_, -1));
  co_return done;
}

// --- Store

Result<Store> Store::open(fs::path root, boost::asio::thread_pool& pool) {
  root = fs::absolute(root);
  for (const char* folder : {"tmp", "uploads", "results"}) {
    if (const Result<> made = make_folders(root / folder); !made) {
      return refuse(Code::Unavailable, "STORAGE_ROOT", "Cannot make the folder: " + made.error().detail);
    }
  }
  return Store{std::move(root), pool};
}

Task<Incoming> Store::receive() {
  const std::string path = root_ / "tmp" / (Uuid::make().text() + ".part");
  const auto work = [&path] {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : -errno;
  };
  const int fd = co_await offload(*pool_, work);
  if (fd < 0) co_return disk_error(-fd, "create", path);
  co_return Incoming{*this, path, fd};
}

Task<> Store::put(std::string key, std::span<const std::uint8_t> bytes) {
  CO_TRY(Incoming incoming, co_await receive());
  const std::span<const char> chars{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  CO_CHECK(co_await incoming.write(chars));
  co_return co_await incoming.keep(std::move(key));
}

Task<std::vector<std::uint8_t>> Store::get(std::string key, std::size_t bytes_max) {
  const std::string path = path_of(key);
  const auto work = [&]() -> Result<std::vector<std::uint8_t>> {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return disk_error(errno, "open", path);
    struct stat info{};
    std::vector<std::uint8_t> out;
    Result<> verdict;
    if (::fstat(fd, &info) != 0) {
      verdict = disk_error(errno, "stat", path);
    } else if (static_cast<std::size_t>(info.st_size) > bytes_max) {
      verdict = fail(Code::Internal, fmt::format("{} has {} bytes, more than {}", path, info.st_size, bytes_max));
    } else {
      out.resize(static_cast<std::size_t>(info.st_size));
      std::size_t at = 0;
      while (at < out.size()) {
        const ssize_t n = ::read(fd, out.data() + at, out.size() - at);
        if (n <= 0) break;
        at += static_cast<std::size_t>(n);
      }
      if (at != out.size()) verdict = disk_error(EIO, "read", path);
    }
    ::close(fd);
    if (!verdict) return std::unexpected{std::move(verdict).error()};
    return out;
  };
  co_return co_await offload(*pool_, work);
}

Task<> Store::remove(std::string key) {
  const fs::path path = path_of(key);
  const auto work = [&]() -> Result<> {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return disk_error(errno, "unlink", path.native());
    // An empty job folder goes with its last file; a full one stays, which rmdir decides by itself.
    ::rmdir(path.parent_path().c_str());
    return {};
  };
  co_return co_await offload(*pool_, work);
}

Task<int> Store::sweep_tmp(std::chrono::seconds age) {
  const fs::path folder = root_ / "tmp";
  const auto work = [&]() -> Result<int> {
    int removed = 0;
    std::error_code ec;
    const auto before = fs::file_time_type::clock::now() - age;
    for (const fs::directory_entry& entry : fs::directory_iterator{folder, ec}) {
      std::error_code each;
      if (entry.last_write_time(each) < before && !each && fs::remove(entry.path(), each)) ++removed;
    }
    return removed;
  };
  co_return co_await offload(*pool_, work);
}

Task<std::vector<std::pair<CompanyId, JobId>>> Store::old_job_folders(Area area, std::chrono::seconds age,
                                                                      std::size_t limit) {
  using Found = std::vector<std::pair<CompanyId, JobId>>;
  const fs::path folder = root_ / name_of(area);
  const auto work = [&]() -> Result<Found> {
    Found out;
    const auto before = fs::file_time_type::clock::now() - age;
    std::error_code ec;
    for (const fs::directory_entry& company : fs::directory_iterator{folder, ec}) {
      const auto company_id = CompanyId::parse(company.path().filename().native());
      if (!company_id) continue;
      for (const fs::directory_entry& job : fs::directory_iterator{company.path(), ec}) {
        const auto job_id = JobId::parse(job.path().filename().native());
        std::error_code each;
        if (job_id && job.last_write_time(each) < before && !each) out.emplace_back(*company_id, *job_id);
        if (out.size() == limit) return out;
      }
    }
    return out;
  };
  co_return co_await offload(*pool_, work);
}

Task<std::vector<std::string>> Store::results_written(std::chrono::seconds from, std::chrono::seconds to,
                                                      std::size_t limit) {
  using Keys = std::vector<std::string>;
  const auto work = [&]() -> Result<Keys> {
    Keys out;
    const auto now = fs::file_time_type::clock::now();
    std::error_code ec;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator{root_ / "results", ec}) {
      std::error_code each;
      const auto written = entry.last_write_time(each);
      if (each || !entry.is_regular_file(each) || written > now - from || written < now - to) continue;
      out.push_back(fs::relative(entry.path(), root_, each).generic_string());
      if (out.size() == limit) break;
    }
    return out;
  };
  co_return co_await offload(*pool_, work);
}

Task<> Store::remove_job_folder(Area area, CompanyId company, JobId job) {
  const fs::path folder = root_ / name_of(area) / company.text() / job.text();
  const auto work = [&]() -> Result<> {
    std::error_code ec;
    fs::remove_all(folder, ec);
    if (ec) return disk_error(ec.value(), "remove", folder.native());
    return {};
  };
  co_return co_await offload(*pool_, work);
}

Task<std::uint64_t> Store::free_bytes() {
  const auto work = [this]() -> Result<std::uint64_t> {
    std::error_code ec;
    const fs::space_info space = fs::space(root_, ec);
    if (ec) return disk_error(ec.value(), "space", root_.native());
    return space.available;
  };
  co_return co_await offload(*pool_, work);
}

}  // namespace i2m::storage
